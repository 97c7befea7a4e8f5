"""What the counts and the books need of the events that make up nearly all traffic, without reading them whole.

What a source can write stands in the lead. The origin is looked for at the very end of the value, where only the event
itself can close: so it is the event's own. Other members are looked for behind a lead that comes first. What does not
look as our services write it is read in full (`extract.read_event`), with the same result (`tests/property/reporting`).

A score and an assignment repeat the lead, and an assignment the score, which are kept with their own events: they are
cut out, so that history holds what is personal once.
"""

import re
from collections.abc import Callable
from typing import Final, NamedTuple

import orjson

from services.reporting.domain.extract import MARKETING_GRADES, NOT_YET_LEADS, read_event
from services.reporting.domain.ledger import STITCHED, Place, Settlement
from services.reporting.domain.stages import BIT, set_of


class Glance(NamedTuple):
    """Which lead, from which source, what it reached, and what became of its submission. `value` is what is kept, `alias`
    what it says of who is who: (loser, winner, version)."""

    lead_id: str
    source: str | None
    stages: int
    value: bytes
    settlement: Settlement | None = None
    alias: tuple[str, str, int] | None = None


def glance(event_type: str, key: bytes | None, value: bytes) -> Glance:
    """What is needed of an event. Raises one of UNREADABLE where the data is not what its type says."""
    return LOOKS[event_type](key or b"", value) or in_full(event_type, value)


def in_full(event_type: str, value: bytes) -> Glance:
    """The same by reading all of it."""
    parts = read_event(event_type, orjson.loads(value))
    if parts.lead_id is None:
        raise ValueError("an event of no lead")
    return Glance(parts.lead_id, parts.source, set_of(parts.stages), value, parts.settlement, parts.alias)


_TEXT: Final = rb'[^"\\]{1,200}'
_ORIGIN: Final = re.compile(
    rb'"origin":\{"receipt_id":"(%b)","source":"(%b)","received_at":"%b","inbound":\{"topic":"%b",'
    rb'"topic_id":"([0-9a-f-]{36})","partition":(\d{1,9}),"offset":(\d{1,18})\}\}\}\Z' % ((_TEXT,) * 4)
)
_ID: Final = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_OUTCOME: Final = re.compile(rb'\{"outcome":"([a-z_]{1,40})",')
_AFTER_LEAD: Final = b'},"lead_version":'
_SCORE: Final = re.compile(
    rb'\},"lead_version":\d+,"score":\{"value":-?\d+,"fit":-?\d+,"engagement":-?\d+,"grade":"([A-Z])",'
)
_VERSION: Final = re.compile(rb'\}(,"lead_version":\d+),"score":\{')
_AFTER_SCORE: Final = b',"score_version":'
_LEAD_ALONE: Final = b'{"lead":{"lead_id":"%b"}%b%b'
_TARGET_ALONE: Final = b'{"lead":{"lead_id":"%b","state":"%b"}%b'
_NOT_YET: Final = tuple(b'"state":"%b"' % state.encode() for state in NOT_YET_LEADS)
_LEAD_MEMBER: Final = b'{"lead":'
_LEAD: Final = b'"lead":{"lead_id":"'
_LEAD_FIRST: Final = b"{" + _LEAD
# Members whose values are ids, down to the lead's.
_LEAD_OF_CONVERTED: Final = re.compile(rb'\{(?:"[a-z_]{1,40}":"[0-9a-f-]{36}",){0,8}?"lead_id":"([0-9a-f-]{36})",')
_QUALIFIED: Final = set_of(("scored", "marketing_qualified"))


def _captured(key: bytes, value: bytes) -> Glance | None:
    lead_id, origin, outcome = _id(key), _origin(value), _OUTCOME.match(value)
    if lead_id is None or origin is None or outcome is None or _LEAD + key not in value:
        return None
    receipt_id, source, topic_id, partition, offset = origin.groups()
    if (named := _id(topic_id)) is None:
        return None
    settlement = Settlement(
        Place(named, int(partition), int(offset)), outcome[1].decode(), None, lead_id, receipt_id.decode()
    )
    return Glance(lead_id, source.decode(), BIT["captured"], value, settlement)


def _scored(key: bytes, value: bytes) -> Glance | None:
    lead_id, origin = _id(key), _origin(value)
    place = value.rfind(_AFTER_LEAD)
    score = _SCORE.match(value, place) if place >= 0 else None
    if lead_id is None or origin is None or score is None or not value.startswith(_LEAD_FIRST + key):
        return None
    state = _state_of(value, place) if any(mark in value for mark in _NOT_YET) else None
    qualified = score[1].decode() in MARKETING_GRADES and state is None
    alone = (
        _LEAD_ALONE % (key, b"", value[place + 1 :])
        if state is None
        else _TARGET_ALONE % (key, state.encode(), value[place + 1 :])
    )
    return Glance(lead_id, origin[2].decode(), _QUALIFIED if qualified else BIT["scored"], alone)


def _state_of(value: bytes, place: int) -> str | None:
    """The lead's own state, where it is no lead yet; what is marked so may stand deeper in it."""
    state = orjson.loads(value[len(_LEAD_MEMBER) : place + 1]).get("state")
    return state if state in NOT_YET_LEADS else None


def _routed(key: bytes, value: bytes) -> Glance | None:
    lead_id, origin = _id(key), _origin(value)
    rest = value.rfind(_AFTER_SCORE)
    place = value.rfind(_AFTER_LEAD, 0, rest) if rest >= 0 else -1
    version = _VERSION.match(value, place) if place >= 0 else None
    if lead_id is None or origin is None or version is None or not value.startswith(_LEAD_FIRST + key):
        return None
    return Glance(lead_id, origin[2].decode(), BIT["routed"], _LEAD_ALONE % (key, version[1], value[rest:]))


def _converted(_key: bytes, value: bytes) -> Glance | None:
    named, origin = _LEAD_OF_CONVERTED.match(value), _origin(value)
    if named is None or origin is None or (lead_id := _id(named[1])) is None:
        return None
    return Glance(lead_id, origin[2].decode(), BIT["converted"], value)


def _behaved(key: bytes, value: bytes) -> Glance | None:
    lead_id, origin = _id(key), _origin(value)
    if lead_id is None or origin is None or not value.startswith(_OF_LEAD + key):
        return None
    receipt_id, source, topic_id, partition, offset = origin.groups()
    if (named := _id(topic_id)) is None or _KIND.search(value, 0, _LONGEST_HEAD) is None:
        return None
    place = Place(named, int(partition), int(offset))
    settlement = Settlement(place, STITCHED, None, lead_id, receipt_id.decode())
    return Glance(lead_id, source.decode(), 0, value, settlement)


def _changed(_key: bytes, _value: bytes) -> None:
    """It is short: reading it in full costs no more."""


def _unmerged(_key: bytes, _value: bytes) -> None:
    """There are few, and each is read in full; they are kept here because they begin a lead."""


def _id(found: bytes) -> str | None:
    return found.decode() if _ID.fullmatch(found) else None


def _origin(value: bytes) -> re.Match[bytes] | None:
    place = value.rfind(b'"origin":', -_LONGEST_ORIGIN)
    return _ORIGIN.match(value, place) if place >= 0 else None


_LONGEST_ORIGIN: Final = 1200
_OF_LEAD: Final = b'{"lead_id":"'
_KIND: Final = re.compile(rb'","kind":"%b","occurred_at":"' % _TEXT)
_LONGEST_HEAD: Final = 600
LOOKS: Final[dict[str, Callable[[bytes, bytes], Glance | None]]] = {
    "lead.captured": _captured,
    "lead.scored": _scored,
    "lead.routed": _routed,
    "opportunity.converted": _converted,
    "opportunity.changed": _changed,
    "lead.behaved": _behaved,
    "lead.unmerged": _unmerged,
}
