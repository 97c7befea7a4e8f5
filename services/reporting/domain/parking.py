"""Dead letters as they are kept: why and where in plain columns, what may be personal apart."""

from collections.abc import Iterable, Mapping
from typing import Final

PLAIN_HEADERS: Final = ("ce_id", "ce_type", "ce_time", "content-type", "traceparent")


def plain_headers(headers: Iterable[tuple[str, bytes | None]]) -> dict[str, str]:
    """The headers that we or CloudEvents define; a source's own headers may hold anything and are left out."""
    return {
        name: value.decode(errors="replace").replace("\x00", "")
        for name, value in headers
        if value is not None and (name.startswith("dlq-") or name in PLAIN_HEADERS)
    }


def number_of(headers: Mapping[str, str], name: str, below: int) -> int | None:
    """A header's number, or None where it is not one that can be stored."""
    text = headers.get(name, "")
    if not text.isdecimal() or len(text) > 19:
        return None
    number = int(text)
    return number if number < below else None


def row_of(found: object) -> int | None:
    """The row of an imported file, as a header or an event says it; None where it is not one that can be stored."""
    if isinstance(found, bytes):
        return int(found) if found.isdigit() and len(found) < 10 else None
    return found if type(found) is int and 0 <= found < 2**31 else None
