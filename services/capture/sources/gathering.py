"""What gatherers of people and companies send: one event of JSON, or a list; signed as a generic webhook's may be.

What they tell of has not responded: each becomes a target, known by what the gatherer calls it. Nothing is observed here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from services.capture.domain.refusal import Refused
from services.capture.sources.composing import as_id
from services.capture.sources.configured import ConfiguredSource
from services.capture.sources.generic import json_inputs, listed
from services.capture.sources.protocol import Answer, Asked, Element, Unverified
from services.capture.sources.signing import verify_scheme


class Signed:
    """The steps of protocol.WebSource that senders without a way of their own share."""

    def greet(self, asked: Asked, source: ConfiguredSource) -> Answer | None:
        """Nobody asks."""
        return None

    def verify(self, asked: Asked, source: ConfiguredSource) -> Unverified | None:
        """By the scheme; a source that names none is open to who knows its address."""
        how = source.entry.signature
        return None if how is None else verify_scheme(how, asked, source.secrets_at(asked.at))

    def answer(self, asked: Asked, source: ConfiguredSource, elements: Sequence[Element]) -> Answer:
        """How many were taken; each has a receipt, by the sender's own id."""
        return Answer(202, b'{"accepted":%d}' % len(elements))


class Gathered(Signed):
    """Events of JSON. Each has `id`, `at` and `test` where it has any."""

    def split(self, asked: Asked, source: ConfiguredSource) -> Sequence[Element]:
        """Each event of a list by itself, its own bytes."""
        return [_element(raw) for raw in listed(asked.body, None) or [asked.body]]


def _element(raw: bytes) -> Element:
    found = json_inputs(raw)
    if isinstance(found, Refused):
        return Element(raw)
    values = dict(found)
    return Element(raw, as_id(values.get("id")), is_test=values.get("test") is True, occurred_at=text_of(values, "at"))


def text_of(values: Mapping[str, Any], name: str) -> str | None:
    """A text that is not blank and not longer than names are."""
    value = values.get(name)
    return value.strip() or None if isinstance(value, str) and len(value) <= 256 else None
