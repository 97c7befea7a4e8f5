"""Google Ads lead forms: one lead a request, verified by the key that the form carries."""

import hmac
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from services.capture.domain.payload import decode_json
from services.capture.domain.placing import FieldMapping
from services.capture.domain.refusal import Refused
from services.capture.sources.composing import as_id, compose, dictionaries
from services.capture.sources.configured import ConfiguredSource
from services.capture.sources.protocol import Answer, Asked, Document, Element, Unverified

# Google's own test data starts so, whatever `is_test` says.
_TEST_LEAD: Final = "TeSter-123-"
_BUILT_IN: Final = FieldMapping("google@1", {"WORK_PHONE": "phones", "USER_EMAIL": "emails"})
_KEPT: Final = (
    "form_id",
    "campaign_id",
    "adgroup_id",
    "creative_id",
    "asset_group_id",
    "lead_stage",
    "lead_submit_time",
)


class _Key(msgspec.Struct):
    google_key: str = ""


class Google:
    """See protocol.WebSource."""

    def greet(self, asked: Asked, source: ConfiguredSource) -> Answer | None:
        """Google never asks."""
        return None

    def verify(self, asked: Asked, source: ConfiguredSource) -> Unverified | None:
        """The key is in the body; nothing else of it is read before it is believed."""
        try:
            given = msgspec.json.decode(asked.body, type=_Key).google_key.encode()
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            given = b""
        # Each is compared, so that the time does not tell which one it was.
        believed = [hmac.compare_digest(given, secret) for secret in source.secrets_at(asked.at)]
        return None if any(believed) else Unverified("wrong_key", "The google_key is not the one of this lead form.")

    def split(self, asked: Asked, source: ConfiguredSource) -> Sequence[Element]:
        """The one lead. Its id is unique across all forms."""
        found = decode_json(asked.body)
        if isinstance(found, Refused):
            return [Element(asked.body)]
        when = found.get("lead_submit_time")
        return [
            Element(
                asked.body,
                as_id(found.get("lead_id")),
                is_test=_is_test(found),
                occurred_at=when if isinstance(when, str) else None,
            )
        ]

    def read(self, raw: bytes, content_type: str, source: ConfiguredSource | None) -> Document | Refused:
        """Columns by their ids; what Google may add later is ignored. The key is no part of the lead."""
        found = decode_json(raw)
        if isinstance(found, Refused):
            return found
        inputs = [
            (str(column.get("column_id") or column.get("column_name") or "column"), column.get("string_value"))
            for column in dictionaries(found.get("user_column_data"))
        ]
        parts: dict[str, Any] = {
            "external_id": as_id(found.get("lead_id")),
            "touch": {"gclid": as_id(found.get("gcl_id"))},
            "extra": {name: found.get(name) for name in _KEPT},
            "test": _is_test(found) or None,
        }
        return compose(inputs, source, built_in=_BUILT_IN, lead_source="google ads", parts=parts)

    def answer(self, asked: Asked, source: ConfiguredSource, elements: Sequence[Element]) -> Answer:
        """An empty object: it has the lead. A 4xx would not be tried again, a 5xx would."""
        return Answer(200, b"{}")


def _is_test(found: Document) -> bool:
    return found.get("is_test") is True or (as_id(found.get("lead_id")) or "").startswith(_TEST_LEAD)
