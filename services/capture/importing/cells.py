"""One cell to one value. What a spreadsheet has damaged, and what has two readings, is named and never guessed at."""

import re
from datetime import date, datetime
from typing import Final, Literal, TypeAlias

Flag: TypeAlias = Literal[
    "scientific_number", "lost_zeros", "serial_date", "ambiguous_date", "not_a_date", "other_date_order",
    "ambiguous_number", "currency_unknown", "address_not_parsed", "not_usable",
]  # fmt: skip
DateOrder: TypeAlias = Literal["dmy", "mdy", "ymd"]
Decimal: TypeAlias = Literal[".", ","]

EXPLAINED: Final[dict[Flag, str]] = {
    "scientific_number": "a number that a spreadsheet has shortened: its last digits are lost; kept as it stands in extra",
    "lost_zeros": "a number that seems to have lost its leading zeros; taken as it stands",
    "serial_date": "a spreadsheet's number of a day, which has two readings; kept as it stands in extra",
    "ambiguous_date": "a date whose day and month cannot be told apart; name the order by --date-order",
    "not_a_date": "no date that is known; kept as it stands in extra",
    "other_date_order": "no date in the order that was named; kept as it stands in extra",
    "ambiguous_number": "thousands or decimals; name the sign by --decimal",
    "currency_unknown": "an amount whose currency has no code; taken without one",
    "address_not_parsed": "an address that could not be taken apart; kept whole in street",
    "not_usable": "nothing that its field can take; kept as it stands in extra",
}
# The value is taken all the same; with every other flag the cell goes to `extra`.
TAKEN: Final[frozenset[Flag]] = frozenset({"lost_zeros", "currency_unknown", "address_not_parsed"})

_SCIENTIFIC: Final = re.compile(r"[0-9](?:[.,][0-9]+)?[eE]\+?[0-9]{1,3}", re.ASCII)
_FLOAT: Final = re.compile(r"([0-9]{5,15})\.0", re.ASCII)
_ISO: Final = re.compile(r"([0-9]{4})[-/.]([0-9]{1,2})[-/.]([0-9]{1,2})(?:[T ](.+))?", re.ASCII)
_NUMERIC: Final = re.compile(r"([0-9]{1,2})[-/.]([0-9]{1,2})[-/.]([0-9]{4}|[0-9]{2})(?:[T ](.+))?", re.ASCII)
_TIME: Final = re.compile(r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?", re.ASCII)
_SERIAL: Final = re.compile(r"[2-7][0-9]{4}(?:\.[0-9]+)?", re.ASCII)
_NAMED_MONTHS: Final = ("%d %b %Y", "%d-%b-%Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y")
_MONEY: Final = re.compile(
    "(?P<before>[A-Za-z]{3}|[$€£])? ?(?P<number>[0-9][0-9., '\u2019]*)(?: ?(?P<after>[A-Za-z]{3}|[$€£]))?", re.ASCII
)
_SYMBOLS: Final = {"€": "EUR", "£": "GBP"}
_BLANKS: Final = str.maketrans("", "", " '\u2019\u00a0\u202f")
_GROUPED: Final = re.compile(r"[0-9]{1,3}(?:[.,][0-9]{3})+", re.ASCII)


def exact_digits(text: str) -> tuple[str, Flag | None]:
    """A number that stands for itself (phone, id, postal code): `415.0` without its decimal, no shortened one."""
    if _SCIENTIFIC.fullmatch(text):
        return text, "scientific_number"
    match = _FLOAT.fullmatch(text)
    return (match.group(1) if match else text), None


def plain_number(text: str, decimal: Decimal | None, *, whole: bool = False) -> tuple[str, Flag | None]:
    """A number as `1234.56`. One sign with three digits behind it has two readings unless the number is `whole`."""
    compact = text.translate(_BLANKS)
    if compact.isascii() and compact.isdigit():
        return compact, None
    decimal = decimal or _decimal_of(compact, whole=whole)
    if decimal is None:
        return text, "ambiguous_number"
    head, sign, tail = compact.rpartition(decimal)
    number, fraction = (head, tail) if sign else (compact, "")
    if fraction and (whole or not fraction.isdigit()):
        return text, "not_usable"
    if not number.isdigit() and not (_GROUPED.fullmatch(number) and decimal not in number):
        return text, "not_usable"
    digits = number.replace(",", "").replace(".", "")
    return (f"{digits}.{fraction}" if fraction else digits), None


def _decimal_of(text: str, *, whole: bool) -> Decimal | None:
    """Which sign is the decimal one, by how the number is written; None where it can be either."""
    signs = [sign for sign in text if sign in ",."]
    if not signs:
        return "."
    last: Decimal = "," if signs[-1] == "," else "."
    other: Decimal = "." if last == "," else ","
    if len(set(signs)) == 2:
        return last
    head, _, tail = text.rpartition(last)
    if len(signs) > 1 or (whole and len(tail) == 3):
        return other
    return None if len(tail) == 3 and 0 < len(head) <= 3 and head != "0" else last


def money(text: str, decimal: Decimal | None) -> tuple[str, Flag | None]:
    """An amount as `POST /v1/leads` takes it: `1234.56 EUR`."""
    match = _MONEY.fullmatch(text)
    if match is None or (match["before"] and match["after"]):
        return text, "not_usable"
    amount, flag = plain_number(match["number"], decimal)
    if flag is not None:
        return text, flag
    unit = match["before"] or match["after"]
    if unit == "$":
        return amount, "currency_unknown"
    return f"{amount} {_SYMBOLS.get(unit, unit.upper())}" if unit else amount, None


def read_date(text: str, order: DateOrder | None) -> tuple[str, Flag | None]:
    """A date (and time) in ISO 8601. Day and month are told apart by `order`, never by what would fit."""
    if match := _ISO.fullmatch(text):
        return _iso(text, match[1], match[2], match[3], match[4], "not_a_date")
    if match := _NUMERIC.fullmatch(text):
        if order is None:
            return text, "ambiguous_date"
        if order == "ymd" or len(match[3]) == 2:
            return text, "other_date_order"
        day, month = (match[1], match[2]) if order == "dmy" else (match[2], match[1])
        return _iso(text, match[3], month, day, match[4], "other_date_order")
    if _SERIAL.fullmatch(text):
        return text, "serial_date"
    for form in _NAMED_MONTHS:
        try:
            return datetime.strptime(text, form).date().isoformat(), None
        except ValueError:
            continue
    return text, "not_a_date"


def _iso(text: str, year: str, month: str, day: str, time: str | None, wrong: Flag) -> tuple[str, Flag | None]:
    try:
        found = date(int(year), int(month), int(day)).isoformat()
    except ValueError:
        return text, wrong
    if time is None:
        return found, None
    if not _TIME.fullmatch(time):
        return text, "not_a_date"
    return f"{found}T{time.zfill(len(time) + (time[1] == ':'))}", None
