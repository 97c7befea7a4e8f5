"""Why a submission is refused: registered codes, never the offending value."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

RefusalCode = Literal[
    "invalid_json",
    "invalid_form",
    "not_an_object",
    "duplicate_keys",
    "too_deep",
    "too_many_fields",
    "key_too_long",
    "invalid_characters",
    "invalid_type",
    "invalid_value",
    "invalid_money",
    "too_long",
    "too_many_items",
    "invalid_email",
    "no_identifier",
    "too_large",
    "unsupported_content_type",
    "wrong_field_count",
    "damaged_row",
    "not_fetched",
    "id_conflict",
    "spam",
    "erased_before",
    "no_kind",
    "event_too_large",
    "unknown_lead",
    "invalid_mail",
    "auto_reply",
    "mailing_list",
    "rule_not_met",
]

# Refused before the content is looked at (HTTP 400); every other code is understood and refused (HTTP 422).
MALFORMED: Final[frozenset[RefusalCode]] = frozenset(
    {
        "invalid_json",
        "invalid_form",
        "not_an_object",
        "duplicate_keys",
        "too_deep",
        "too_many_fields",
        "key_too_long",
    }
)

DETAILS: Final[dict[RefusalCode, str]] = {
    "spam": "somebody looked at it in quarantine and found it to be spam",
    "invalid_json": "the body is not valid JSON in UTF-8",
    "invalid_form": "the body is not a valid form in UTF-8",
    "not_an_object": "the body must be one JSON object",
    "duplicate_keys": "a key occurs more than once in one object",
    "too_deep": "objects and lists may be nested 32 deep",
    "too_many_fields": "a submission may have 200 fields",
    "key_too_long": "a key may have 128 characters",
    "invalid_characters": "NUL, lone surrogates and control characters are not allowed",
    "invalid_type": "the value has the wrong type",
    "invalid_value": "the value is not in the allowed range",
    "invalid_money": "money is an amount with an optional currency, such as 12000000 USD",
    "too_long": "the value is too long",
    "too_many_items": "the list has too many items",
    "invalid_email": "the e-mail address is not valid and there is no other identifier",
    "no_identifier": "one of email, phone, external_id is needed",
    "too_large": "a submission may have 256 KiB",
    "unsupported_content_type": "a submission is JSON or a form, in UTF-8",
    "wrong_field_count": "the row has not as many fields as the header",
    "damaged_row": "the row's quoting is broken, or the card is not whole",
    "not_fetched": "the provider announced the lead and did not give it",
    "id_conflict": "another body was received under the same event id or Idempotency-Key; the first one stands",
    "erased_before": "the person was erased at their request: older records, lists and imports stay out",
    "no_kind": "kind says what was done, such as page.viewed",
    "event_too_large": "an event may have 32 KiB",
    "unknown_lead": "there is no lead with this id",
    "invalid_mail": "the mail cannot be read",
    "auto_reply": "a machine sent the mail, so nobody wrote",
    "mailing_list": "the mail went to a list, not to us",
    "rule_not_met": "the submission lacks what a validation rule asks for",
}


@dataclass(frozen=True, slots=True)
class Refused:
    """A submission that was understood to be unusable; `field` is a dotted path, `detail` never holds input. `rule` is the
    id of the validation rule that does not hold, `rules` the version that it is of."""

    code: RefusalCode
    field: str | None
    detail: str
    rule: str | None = None
    rules: Mapping[str, Any] | None = None


def stored_refusal(reason: str | None, field: str | None) -> Refused:
    """The refusal that was stored by its code, which may be of another release."""
    code = cast(RefusalCode, reason or "invalid_value")
    return Refused(code, field, DETAILS.get(code, ""))


def refuse(code: RefusalCode, field: str | None = None) -> Refused:
    """The refusal for a code with its registered text."""
    return Refused(code, field, DETAILS[code])
