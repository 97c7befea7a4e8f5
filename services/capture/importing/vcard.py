"""Address cards: each card of a file is a row. Versions 2.1, 3.0 and 4.0, quoted-printable and folded lines included."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TextIO

import vobject

from services.capture.importing.refusal import FileRefused
from services.capture.importing.table import MAX_ROW, Row

_SEVERAL: Final = 5  # e-mail addresses and phone numbers that have columns of their own
_SHOWN_LINE: Final = 4_000

HEADER: Final = (
    "UID", "Full Name", "First Name", "Last Name", "Title", "Company", "Website", "Street", "City", "State",
    "Postal Code", "Country", "Notes",
    *(f"Email {n}" for n in range(1, _SEVERAL + 1)), *(f"Phone {n}" for n in range(1, _SEVERAL + 1)),
    "Nickname", "Birthday", "Role", "Categories", "Other Properties",
)  # fmt: skip
_SINGLE: Final = {
    "UID": "UID", "FN": "Full Name", "TITLE": "Title", "URL": "Website", "NOTE": "Notes", "NICKNAME": "Nickname",
    "BDAY": "Birthday", "ROLE": "Role", "CATEGORIES": "Categories",
}  # fmt: skip
_LEFT_OUT: Final = frozenset({"VERSION", "PRODID", "REV"})
_BEGIN: Final = re.compile(r"\s*BEGIN:VCARD\s*", re.IGNORECASE)
_PICTURE: Final = re.compile(r"(?:[\w-]+\.)?(?:PHOTO|LOGO|SOUND|KEY)[;:]", re.IGNORECASE)
_END: Final = re.compile(r"\s*END:VCARD\s*", re.IGNORECASE)


class VcardFile:
    """A file of cards, open. Rows are numbered by card, the header being row 1 as in every file."""

    delimiter = None
    header: Sequence[str] = HEADER
    notes: Sequence[str] = ()

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @property
    def position(self) -> int:
        """Bytes read so far, about."""
        return self._stream.buffer.tell()

    def __iter__(self) -> Iterator[Row]:
        for number, text in enumerate(self._cards(), start=2):
            if len(text) >= MAX_ROW:
                yield Row(number, (), text[:MAX_ROW], "too_large")
                continue
            cells = _cells(text)
            yield Row(number, cells) if cells is not None else Row(number, (), text, "damaged_row")

    def _cards(self) -> Iterator[str]:
        """The text of each card, as far as a card may go; what stands between cards is a damaged one."""
        lines: list[str] = []
        length = 0
        for line in _without_pictures(iter(lambda: self._stream.readline(MAX_ROW), "")):
            begins = _BEGIN.fullmatch(line) is not None
            if begins and lines:
                yield "".join(lines)
            if begins or not lines:
                lines, length = [], 0
            if (lines or line.strip()) and length < MAX_ROW:
                lines.append(line)
                length += len(line)
            if _END.fullmatch(line) and lines:
                yield "".join(lines)
                lines, length = [], 0
        if lines:
            yield "".join(lines)


def _without_pictures(lines: Iterator[str]) -> Iterator[str]:
    """The lines but those of pictures, sounds and keys, which no lead has room for."""
    inside = False
    for line in lines:
        inside = (inside and line[:1] in " \t") or _PICTURE.match(line) is not None
        if not inside:
            yield line


def open_vcards(path: Path, encoding: str) -> VcardFile:
    """Open a file of cards."""
    if encoding == "":
        raise FileRefused("cards are text, and this is none")
    return VcardFile(path.open(encoding=encoding, newline=""))


def _cells(text: str) -> list[str] | None:
    """The card's values under `HEADER`; None where it is no card."""
    try:
        card = vobject.readOne(text, allowQP=True)
        if card is None or card.name != "VCARD":
            return None
        values = _values(card)
    except Exception:
        return None
    return [values.get(name, "") for name in HEADER]


def _values(card: Any) -> dict[str, str]:
    values: dict[str, str] = {}
    counts = {"Email": 0, "Phone": 0}
    others: list[str] = []
    for line in card.getChildren():
        name, value = line.name, line.value
        if name in _LEFT_OUT:
            continue
        if name in ("EMAIL", "TEL") and counts[kind := "Email" if name == "EMAIL" else "Phone"] < _SEVERAL:
            counts[kind] += 1
            values[f"{kind} {counts[kind]}"] = re.sub(r"^(?:tel|mailto):", "", _text(value), flags=re.IGNORECASE)
        elif name == "N" and "Last Name" not in values:
            values["First Name"] = " ".join(filter(None, (_text(value.given), _text(value.additional))))
            values["Last Name"] = _text(value.family)
            others += [f"N: {_text(part)}" for part in (value.prefix, value.suffix) if part]
        elif name == "ORG" and "Company" not in values:
            values["Company"], *units = [_text(part) for part in (value if isinstance(value, list) else [value])]
            others += [f"ORG unit: {unit}" for unit in units if unit]
        elif name == "ADR" and "Street" not in values:
            values.update(_address(value))
        elif name in _SINGLE and _SINGLE[name] not in values:
            values[_SINGLE[name]] = _text(value)
        else:
            others.append(f"{name}: {_text(value)[:_SHOWN_LINE]}")
    if others:
        values["Other Properties"] = "\n".join(others)
    return values


def _address(value: Any) -> dict[str, str]:
    lines = (_text(part) for part in (value.box, value.street, value.extended))
    return {
        "Street": ", ".join(line for line in lines if line),
        "City": _text(value.city),
        "State": _text(value.region),
        "Postal Code": _text(value.code),
        "Country": _text(value.country),
    }


def _text(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(_text(part) for part in value if part)
    if isinstance(value, bytes):
        return ""
    return str(value).strip()
