"""The value of a record of `events.inbound.v1` to what somebody did, or the reason why not. Never raises."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import orjson

from services.capture.domain.behaviour.identifying import Named, named_in
from services.capture.domain.behaviour.kinds import (
    category_of,
    clean_term,
    kind_of,
    term_of_query,
    term_of_referrer,
)
from services.capture.domain.payload import JSON_TYPE, decode_payload
from services.capture.domain.reading import media_type
from services.capture.domain.refusal import Refused, refuse

MAX_EVENT_BYTES: Final = 32_768
MAX_KIND: Final = 100
MAX_ID: Final = 256
MAX_TOPICS: Final = 20
# A clock that is this far ahead, or a past this long ago, is not believed: the time of receipt counts.
AHEAD: Final = timedelta(minutes=5)
LONG_AGO: Final = timedelta(days=400)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NAMES: Final = ("visitor_id", "email", "phone", "external_id", "lead_id")
_TEXTS: Final = ("id", *_NAMES)
_KNOWN: Final = frozenset({*_TEXTS, "kind", "type", "event", "at", "consent", "properties", "test"})
_LONGEST_DWELL_S: Final = 86_400.0
_PAGES: Final = frozenset({"page.viewed", "page.left"})
_NOTHING: Final[dict[str, Any]] = {}


class Behaviour(NamedTuple):
    """What somebody did. `occurred_us` counts microseconds since 1970; `about` holds what was made out of it: category,
    dwell_s, search_term, topics, material_id, message_id, campaign, as far as they are known."""

    kind: str
    occurred_us: int
    named: Named
    properties: dict[str, Any]
    about: dict[str, Any]
    is_test: bool


class Claims(NamedTuple):
    """What an event says of itself, whether or not it can be used: its own id, whether the visitor agreed to be
    followed, and whether it names anybody."""

    event_id: str | None
    consents: bool
    names_somebody: bool


def claims_of(value: bytes) -> Claims:
    """Never raises; of what is no JSON object nothing is known."""
    try:
        document = orjson.loads(value)
    except orjson.JSONDecodeError:
        return Claims(None, False, False)
    if type(document) is not dict:
        return Claims(None, False, False)
    given = document.get("id")
    event_id = str(given) if type(given) in (str, int) and 0 < len(str(given)) <= MAX_ID else None
    named = any(document.get(name) not in (None, "") for name in _NAMES)
    return Claims(event_id, document.get("consent") is True, named)


def read_behaviour(
    value: bytes, content_type: str, *, source: str, received_ms: int, region: str | None = None
) -> Behaviour | Refused:
    """Parse and judge a value. What it does not know is kept among the properties."""
    essence = media_type(content_type) if content_type else JSON_TYPE
    if essence != JSON_TYPE:
        return refuse("unsupported_content_type", "content-type")
    if len(value) > MAX_EVENT_BYTES:
        return refuse("event_too_large")
    document = decode_payload(value)
    return document if isinstance(document, Refused) else _of_document(document, source, received_ms, region)


def _of_document(document: dict[str, Any], source: str, received_ms: int, region: str | None) -> Behaviour | Refused:
    kind = _kind(document)
    if isinstance(kind, Refused):
        return kind
    texts = {name: document[name] for name in _TEXTS if document.get(name) not in (None, "")}
    for name, given in texts.items():
        if type(given) is int:
            texts[name] = str(given)
        elif type(given) is not str:
            return refuse("invalid_type", name)
        elif len(given) > MAX_ID:
            return refuse("too_long", name)
    properties = document.get("properties") or _NOTHING
    if type(properties) is not dict:
        return refuse("invalid_type", "properties")
    if not _KNOWN.issuperset(document):
        properties = {**{name: given for name, given in document.items() if name not in _KNOWN}, **properties}
    named = named_in(source, **{name: texts.get(name) for name in _NAMES}, region=region)
    if not (named.keys or named.lead_id or named.visitor) and "email" in texts:
        return refuse("invalid_email", "email")
    occurred_us, properties = _when(document.get("at"), received_ms, properties)
    return Behaviour(kind, occurred_us, named, properties, _about(kind, properties), document.get("test") is True)


def _kind(document: dict[str, Any]) -> str | Refused:
    given = document.get("kind") or document.get("type") or document.get("event")
    if given is None or given == "":
        return refuse("no_kind", "kind")
    if type(given) is not str:
        return refuse("invalid_type", "kind")
    kind = kind_of(given)
    if not kind:
        return refuse("no_kind", "kind")
    return kind if len(kind) <= MAX_KIND else refuse("too_long", "kind")


def _when(given: Any, received_ms: int, properties: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """When it happened. A time that cannot be believed is kept as `at_given`, and that of the receipt counts."""
    received_us = received_ms * 1000
    if given is None or given == "":
        return received_us, properties
    found = instant_us(given)
    latest, earliest = received_us + AHEAD // _MICROSECOND, received_us - LONG_AGO // _MICROSECOND
    if found is not None and earliest <= found <= latest:
        return found, properties
    return received_us, {**properties, "at_given": given if type(given) is str else str(given)[:64]}


_MICROSECOND: Final = timedelta(microseconds=1)


def instant_us(given: Any) -> int | None:
    """ISO 8601 with a zone or in UTC, or milliseconds since 1970 as browsers count."""
    if type(given) is int:
        return given * 1000 if 0 < given < 2**46 else None
    if type(given) is not str or not 16 <= len(given) <= 64:
        return None
    try:
        moment = datetime.fromisoformat(given.strip())
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        return (moment - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError):
        return None


def instant_of(occurred_us: int) -> str:
    """The instant as the contracts write it."""
    return (_EPOCH + timedelta(microseconds=occurred_us)).isoformat().replace("+00:00", "Z")


def _about(kind: str, properties: dict[str, Any]) -> dict[str, Any]:
    """What was made out of the properties; only what is known."""
    url = _text(properties.get("url"), 2048)
    found = {
        "category": _text(properties.get("category"), 64) or (category_of(url) if url and kind in _PAGES else None),
        "dwell_s": _seconds(properties.get("dwell_s")),
        "search_term": _term(kind, properties, url),
        "topics": _topics(properties.get("tags") or properties.get("topics")),
        "material_id": _text(properties.get("material_id"), MAX_ID) or _of_file(kind, properties),
        "message_id": _text(properties.get("message_id"), MAX_ID),
        "campaign": _text(properties.get("campaign") or properties.get("utm_campaign"), MAX_ID),
    }
    return {name: value for name, value in found.items() if value}


def _text(given: object, longest: int) -> str | None:
    if type(given) is int:
        return str(given)
    return (given.strip()[:longest] or None) if isinstance(given, str) else None


def _seconds(given: object) -> float | None:
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given <= _LONGEST_DWELL_S:
        return None
    return round(float(given), 1)


def _of_file(kind: str, properties: dict[str, Any]) -> str | None:
    return _text(properties.get("file") or properties.get("url"), MAX_ID) if kind == "file.downloaded" else None


def _term(kind: str, properties: dict[str, Any], url: str | None) -> str | None:
    if kind == "site.searched":
        said = clean_term(properties.get("query") or properties.get("term") or properties.get("search_term"))
        return said or (term_of_query(url.partition("?")[2]) if url else None)
    if said := clean_term(properties.get("utm_term")):
        return said
    referrer = _text(properties.get("referrer"), 2048)
    return term_of_referrer(referrer) if referrer and kind == "page.viewed" else None


def _topics(given: object) -> list[str]:
    if isinstance(given, str):
        given = given.split(",")
    if not isinstance(given, list):
        return []
    return list(dict.fromkeys(term for each in given[: 4 * MAX_TOPICS] if (term := clean_term(each))))[:MAX_TOPICS]
