"""A submission as sources send it over HTTP and straight to Kafka: strict types, limits, unknown fields kept in `extra`."""

import re
from decimal import Decimal
from typing import Annotated, Any, Final, NamedTuple

from annotated_types import Ge, Le, MaxLen
from pydantic import ConfigDict, PlainValidator, TypeAdapter, ValidationError, with_config
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from services.capture.domain.payload import JSON_TYPE, decode_payload
from services.capture.domain.refusal import RefusalCode, Refused, refuse

CLICK_IDS: Final = (
    "gclid", "gbraid", "wbraid", "dclid", "msclkid", "fbclid", "li_fat_id", "ttclid", "twclid", "ScCid", "rdt_cid",
    "epik",
)  # fmt: skip

_MONEY: Final = re.compile(
    r"(?:(?P<before>[A-Za-z]{3}) )?(?P<amount>[0-9]{1,15}(?:\.[0-9]{1,4})?)(?: ?(?P<after>[A-Za-z]{3}))?", re.ASCII
)


class Money(NamedTuple):
    """An amount and its ISO 4217 code; None where the source named no currency."""

    amount: Decimal
    currency: str | None


def parse_money(given: object) -> Money:
    """`12000000 USD`, `USD 12000000`, `12000000` or a JSON number; never negative, below 10^15."""
    if isinstance(given, Money):
        return given
    if type(given) in (int, float):
        text = str(given)
    elif isinstance(given, str):
        text = given.strip()
    else:
        raise PydanticCustomError("money_type", "not an amount of money")
    match = _MONEY.fullmatch(text)
    before, amount, after = match.groups() if match is not None else ("", "", "")
    if not amount or (before and after):
        raise PydanticCustomError("invalid_money", "not an amount of money")
    currency = before or after
    return Money(Decimal(amount), currency.upper() if currency else None)


Short = Annotated[str, MaxLen(256)]
Long = Annotated[str, MaxLen(2048)]
Text = Annotated[str, MaxLen(20_000)]
Amount = Annotated[Money, PlainValidator(parse_money)]

# Unknown fields are allowed and end up in the lead's `extra`.
_PART: Final = ConfigDict(strict=True, extra="allow")


@with_config(_PART)
class Company(TypedDict, total=False):
    """The company text of a lead."""

    name: Short | None
    website: Long | None
    industry: Short | None
    employees: Annotated[int, Ge(0), Le(10_000_000_000)] | None
    annual_revenue: Amount | None


@with_config(_PART)
class Address(TypedDict, total=False):
    """A postal address, one value."""

    street: Annotated[str, MaxLen(1024)] | None
    city: Short | None
    state: Short | None
    postal_code: Short | None
    country: Short | None


@with_config(_PART)
class Touch(TypedDict, total=False):
    """How the person came: campaign parameters, click ids (case-sensitive), pages."""

    utm_source: Short | None
    utm_medium: Short | None
    utm_campaign: Short | None
    utm_term: Short | None
    utm_content: Short | None
    ad_code: Short | None
    referrer: Long | None
    landing_page: Long | None
    gclid: Short | None
    gclsrc: Short | None
    gbraid: Short | None
    wbraid: Short | None
    dclid: Short | None
    msclkid: Short | None
    fbclid: Annotated[str, MaxLen(512)] | None
    li_fat_id: Short | None
    ttclid: Annotated[str, MaxLen(512)] | None
    twclid: Short | None
    ScCid: Short | None
    rdt_cid: Short | None
    epik: Annotated[str, MaxLen(512)] | None


@with_config(_PART)
class Consent(TypedDict, total=False):
    """What the person agreed to or refused, and the evidence. Further purposes are further booleans."""

    marketing_email: bool | None
    marketing_phone: bool | None
    text: Text | None
    # Any JSON: an unreadable time is warned of, never a reason to lose the lead.
    at: Any


@with_config(_PART)
class Submission(TypedDict, total=False):
    """The body of `POST /v1/leads` and the value on `leads.inbound.v1`."""

    external_id: Short | None
    email: Annotated[str, MaxLen(1024)] | None
    emails: Annotated[list[Annotated[str, MaxLen(1024)]], MaxLen(50)] | None
    phone: Short | None
    phones: Annotated[list[Short], MaxLen(50)] | None
    first_name: Short | None
    last_name: Short | None
    name: Short | None
    title: Short | None
    company: Company | None
    address: Address | None
    source: Short | None
    campaign: Short | None
    message: Text | None
    budget: Amount | None
    products: Annotated[list[Short], MaxLen(100)] | None
    touch: Touch | None
    consent: Consent | None
    # Any JSON: what is no state and no list of ours was the source's own field, and stays that.
    state: Any
    list: Any
    entered_by: Any
    referrer_ref: Any
    visitor_id: Any
    extra: dict[str, Any] | None


SUBMISSION_FIELDS: Final = frozenset(Submission.__annotations__)
COMPANY_FIELDS: Final = frozenset(Company.__annotations__)
ADDRESS_FIELDS: Final = frozenset(Address.__annotations__)
TOUCH_FIELDS: Final = frozenset(Touch.__annotations__)
_VALIDATE: Final = TypeAdapter(Submission).validator.validate_python
_CODES: Final[dict[str, RefusalCode]] = {
    "string_too_long": "too_long",
    "too_long": "too_many_items",
    "invalid_money": "invalid_money",
    "greater_than_equal": "invalid_value",
    "less_than_equal": "invalid_value",
    "int_parsing_size": "invalid_value",
}


def parse_submission(raw: bytes, content_type: str = JSON_TYPE) -> Submission | Refused:
    """The submission that a body holds, or why it is refused. Never raises, whatever the bytes."""
    document = decode_payload(raw, content_type)
    if isinstance(document, Refused):
        return document
    return build_submission(document)


def build_submission(document: dict[str, Any]) -> Submission | Refused:
    """The submission of a decoded body; `company` and `address` may be one line, the lists one text."""
    _widen(document)
    try:
        submission: Submission = _VALIDATE(document)
    except ValidationError as error:
        return _refusal_of(error)
    return submission


def _widen(document: dict[str, Any]) -> None:
    """Replace the short forms by the full ones, in place."""
    if type(document.get("company")) is str:
        document["company"] = {"name": document["company"]}
    if type(document.get("address")) is str:
        document["address"] = {"street": document["address"]}
    for key in ("emails", "phones", "products"):
        if type(document.get(key)) is str:
            document[key] = [document[key]]
    for single, several in (("email", "emails"), ("phone", "phones")):
        if type(document.get(single)) is list and several not in document:
            document[several] = document.pop(single)


def _refusal_of(error: ValidationError) -> Refused:
    """The first violation, by field and registered code; the values stay where they are."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    return refuse(_CODES.get(first["type"], "invalid_type"), field or None)
