"""Typeform: one response a request, signed over the raw body."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from services.capture.domain.payload import decode_json
from services.capture.domain.placing import FieldMapping
from services.capture.domain.refusal import Refused, refuse
from services.capture.sources.composing import as_id, compose, dictionaries, dictionary
from services.capture.sources.configured import ConfiguredSource
from services.capture.sources.protocol import Answer, Asked, Document, Element, Unverified
from services.capture.sources.signing import base64_hmac, judge

_BUILT_IN: Final = FieldMapping("typeform@1", {})
# Where the answer of a type stands; of the other types it stands under the type's own name.
_OF_CHOICES: Final = ("label", "labels", "other")


class Typeform:
    """See protocol.WebSource."""

    def greet(self, asked: Asked, source: ConfiguredSource) -> Answer | None:
        """Typeform never asks."""
        return None

    def verify(self, asked: Asked, source: ConfiguredSource) -> Unverified | None:
        """`Typeform-Signature: sha256=` and base64."""
        expected = ["sha256=" + base64_hmac(secret, asked.body) for secret in source.secrets_at(asked.at)]
        return judge(asked.headers.get("typeform-signature"), expected)

    def split(self, asked: Asked, source: ConfiguredSource) -> Sequence[Element]:
        """The response. Its token is the same in a webhook, in one that is sent again, and in an export."""
        found = decode_json(asked.body)
        if isinstance(found, Refused):
            return [Element(asked.body)]
        given = _response(found)
        when = given.get("submitted_at")
        token = as_id(given.get("token")) or as_id(found.get("event_id"))
        return [Element(asked.body, token, occurred_at=when if isinstance(when, str) else None)]

    def read(self, raw: bytes, content_type: str, source: ConfiguredSource | None) -> Document | Refused:
        """Answers by the reference of their question, by its title, by the kind of its answer: whichever says a field."""
        found = decode_json(raw)
        if isinstance(found, Refused):
            return found
        given = _response(found)
        if not given:
            return refuse("invalid_value", "form_response")
        parts: dict[str, Any] = {
            "external_id": as_id(given.get("token")),
            "extra": {"form_id": given.get("form_id"), "event_id": found.get("event_id")},
        }
        return compose(_inputs(given, source), source, built_in=_BUILT_IN, lead_source="web form", parts=parts)

    def answer(self, asked: Asked, source: ConfiguredSource, elements: Sequence[Element]) -> Answer:
        """Any 2xx does."""
        return Answer(200, b"{}")


def _response(found: Document) -> dict[str, Any]:
    """The response of a webhook, or the element of an export, which is one itself."""
    return dictionary(found.get("form_response")) or (found if "answers" in found else {})


def _inputs(given: dict[str, Any], source: ConfiguredSource | None) -> Iterator[tuple[str, Any]]:
    definition = dictionaries(dictionary(given.get("definition")).get("fields"))
    titles = {each.get("id"): each.get("title") for each in definition}
    named = source.mapping.fields if source is not None and source.mapping is not None else {}
    for answer in dictionaries(given.get("answers")):
        field = dictionary(answer.get("field"))
        title = titles.get(field.get("id"))
        names = [name for name in (field.get("ref"), title, field.get("id")) if isinstance(name, str) and name]
        kind = str(answer.get("type"))
        name = next((name for name in names if name in named), None)
        if name is None:
            name = kind if kind in ("email", "phone_number") else (title or next(iter(names), kind))
        yield str(name), _value(answer, kind)
    yield from dictionary(given.get("hidden")).items()
    yield from dictionary(given.get("variables_by_key")).items()


def _value(answer: dict[str, Any], kind: str) -> Any:
    value = answer.get(kind)
    if isinstance(value, dict):
        return next((value[name] for name in _OF_CHOICES if value.get(name)), value)
    return value
