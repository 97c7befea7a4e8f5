"""Meta lead ads: signed notifications of many leads, which name each lead only; the answers are fetched afterwards."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from services.capture.domain.payload import decode_json
from services.capture.domain.placing import FieldMapping
from services.capture.domain.refusal import Refused, refuse
from services.capture.sources.composing import as_id, compose, dictionaries, dictionary, from_seconds
from services.capture.sources.configured import ConfiguredSource
from services.capture.sources.protocol import Answer, Asked, Document, Element, Unverified
from services.capture.sources.signing import hex_hmac, judge, matches

_BUILT_IN: Final = FieldMapping(
    "meta@1",
    {
        "work_email": "emails",
        "work_phone_number": "phones",
        "whatsapp_number": "phones",
        "street_address": "address.street",
        "zip_code": "address.postal_code",
    },
)
_IDS: Final = ("form_id", "page_id", "ad_id", "ad_name", "adset_name", "adgroup_id", "campaign_id", "is_organic")
# The ids that Meta's testing tool gives.
_TEST_ID: Final = re.compile(r"4{8,}")
_CHALLENGE: Final = re.compile(r"[\x21-\x7e]{1,256}")


class _Entry(msgspec.Struct):
    changes: list[msgspec.Raw]


class _Payload(msgspec.Struct):
    entry: list[msgspec.Raw]


class Meta:
    """See protocol.WebSource."""

    def greet(self, asked: Asked, source: ConfiguredSource) -> Answer | None:
        """The subscription's challenge comes back to who knows the verify token; nobody else learns anything."""
        challenge = asked.query.get("hub.challenge", "")
        if asked.query.get("hub.mode") != "subscribe" or not _CHALLENGE.fullmatch(challenge):
            return None
        token = source.verify_token
        known = token is not None and token.counts(asked.at)
        if token is None or not known or not matches(asked.query.get("hub.verify_token", ""), [token.value.decode()]):
            return Answer(403, b'{"code":"wrong_token"}')
        return Answer(200, challenge.encode(), "text/plain", {"X-Content-Type-Options": "nosniff"})

    def verify(self, asked: Asked, source: ConfiguredSource) -> Unverified | None:
        """`X-Hub-Signature-256`; the older header with SHA-1 counts for nothing."""
        expected = ["sha256=" + hex_hmac(secret, asked.body) for secret in source.secrets_at(asked.at)]
        return judge(asked.headers.get("x-hub-signature-256"), expected)

    def split(self, asked: Asked, source: ConfiguredSource) -> Sequence[Element]:
        """Each change of each entry by itself, its own bytes; what is none is kept and will be refused by its receipt."""
        try:
            entries = msgspec.json.decode(asked.body, type=_Payload).entry
        except (msgspec.DecodeError, RecursionError):
            return [Element(asked.body)]
        return [element for entry in entries for element in _elements(bytes(entry))]

    def read(self, raw: bytes, content_type: str, source: ConfiguredSource | None) -> Document | Refused:
        """A lead as the Graph API gives it; of a notification there is the id only."""
        found = decode_json(raw)
        if isinstance(found, Refused):
            return found
        if "field_data" not in found:
            return _read_notification(found)
        inputs = [(str(each.get("name", "field")), _value(each)) for each in dictionaries(found["field_data"])]
        parts: dict[str, Any] = {
            "external_id": as_id(found.get("id")),
            "campaign": as_id(found.get("campaign_name")),
            "extra": {name: found.get(name) for name in _IDS},
            "test": is_test_id(as_id(found.get("id"))) or None,
        }
        return compose(inputs, source, built_in=_BUILT_IN, lead_source="facebook ads", parts=parts)

    def answer(self, asked: Asked, source: ConfiguredSource, elements: Sequence[Element]) -> Answer:
        """Any 200 does; without one Meta sends it again for 36 hours."""
        return Answer(200, b"{}")


def _elements(entry: bytes) -> Iterator[Element]:
    try:
        changes = msgspec.json.decode(entry, type=_Entry).changes
    except (msgspec.DecodeError, RecursionError):
        yield Element(entry)
        return
    for change in changes:
        yield _element(bytes(change))


def _element(raw: bytes) -> Element:
    found = decode_json(raw)
    value = dictionary(found.get("value")) if not isinstance(found, Refused) and found.get("field") == "leadgen" else {}
    lead_id = as_id(value.get("leadgen_id"))
    if lead_id is None:
        return Element(raw)
    when = from_seconds(value.get("created_time"))
    if is_test_id(lead_id):
        return Element(raw, lead_id, is_test=True, occurred_at=when)
    return Element(raw, lead_id, occurred_at=when, fetch=lead_id)


def _read_notification(found: Document) -> Document | Refused:
    if found.get("field") != "leadgen":
        return refuse("invalid_value", "field")
    value = dictionary(found.get("value"))
    lead_id = as_id(value.get("leadgen_id"))
    if lead_id is None:
        return refuse("invalid_type", "value.leadgen_id")
    return {"external_id": lead_id, "source": "facebook ads", "test": is_test_id(lead_id), "extra": value}


def _value(field: Document) -> Any:
    values = field.get("values")
    return values[0] if isinstance(values, list) and len(values) == 1 else values


def is_test_id(lead_id: str | None) -> bool:
    """Whether Meta's testing tool gave this id."""
    return lead_id is not None and _TEST_ID.fullmatch(lead_id) is not None


def created_at(found: Document) -> str | None:
    """When a lead of the Graph API was made (`2015-02-28T08:49:14+0000`), as RFC 3339."""
    given = found.get("created_time")
    try:
        return datetime.strptime(given, "%Y-%m-%dT%H:%M:%S%z").isoformat() if isinstance(given, str) else None
    except ValueError:
        return None
