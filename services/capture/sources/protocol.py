"""What every source is to the rest of capture: one file each, pure, behind these few calls.

A record on the inbound topics with the header `ls_format` holds a source's own bytes; `Reader.read` makes the document of
them that `POST /v1/leads` takes. What comes over HTTP passes four steps more: recognise, verify, split, answer.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from services.capture.domain.refusal import Refused
from services.capture.sources.configured import ConfiguredSource

Document: TypeAlias = dict[str, Any]
JSON_BYTES: Final = "application/json"


class Asked(NamedTuple):
    """A request as it came. Names of headers are in lower case; `url` is whole, with its query."""

    method: str
    url: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    content_type: str
    body: bytes
    at: datetime


class Element(NamedTuple):
    """One lead of a payload: the very bytes that are stored of it. `ce_id` is the provider's own id, by which a
    redelivery and a backfill are known; None where it has none. `occurred_at` is RFC 3339."""

    raw: bytes
    ce_id: str | None = None
    is_test: bool = False
    occurred_at: str | None = None
    fetch: str | None = None
    """The provider's id of a lead whose answers have to be fetched, because the payload names it only."""
    erase: str | None = None
    """The provider's id of a lead that it wants erased."""


class Unverified(NamedTuple):
    """Why a request is not believed; for people, without any of its content."""

    reason: str
    detail: str


class Answer(NamedTuple):
    """What the provider is told."""

    status: int
    body: bytes = b""
    content_type: str = JSON_BYTES
    headers: Mapping[str, str] = {}


class Reader(Protocol):
    """Reads the bytes of one lead."""

    def read(self, raw: bytes, content_type: str, source: ConfiguredSource | None) -> Document | Refused:
        """The lead, as `POST /v1/leads` takes it. Never raises, whatever the bytes. `source` is None for a record whose
        source is not configured (any more)."""


class WebSource(Reader, Protocol):
    """A reader whose payloads come over HTTP."""

    def greet(self, asked: Asked, source: ConfiguredSource) -> Answer | None:
        """The answer to a provider that asks whether this is the right address; None where it is no such question."""

    def verify(self, asked: Asked, source: ConfiguredSource) -> Unverified | None:
        """Why this is not from the provider, judged on the raw bytes before anything is parsed; None when it is."""

    def split(self, asked: Asked, source: ConfiguredSource) -> Sequence[Element]:
        """The leads of a payload; of one that cannot be taken apart, the whole, which will be refused by its receipt."""

    def answer(self, asked: Asked, source: ConfiguredSource, elements: Sequence[Element]) -> Answer:
        """What the provider expects to be told once everything is stored."""
