"""What the counts and the books need of the four events that make up nearly all traffic, without reading them whole.

The lead comes before what is looked for. The members from a named one to the end of the value, parsed as an object by
themselves, are valid only where that member stands at the top: inside an object there is one brace too many, and
inside a text its quotes are escaped. Whatever does not fit is read in full (`extract.read_event`), with the same result
(`tests/property/reporting`).
"""

import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import orjson

from services.reporting.domain.extract import MARKETING_GRADES, UNREADABLE, plain_text, read_event, settlement_of
from services.reporting.domain.ledger import Settlement
from services.reporting.domain.stages import BIT, set_of
from shared.contracts.ids import is_id


class Glance(NamedTuple):
    """Which lead, from which source, what it reached, and what became of its submission."""

    lead_id: str
    source: str
    stages: int
    settlement: Settlement | None = None


def glance(event_type: str, key: bytes | None, value: bytes) -> Glance:
    """What is needed of an event. Raises one of UNREADABLE where the data is not what its type says."""
    try:
        found = LOOKS[event_type](key or b"", value)
    except UNREADABLE:
        found = None
    return found or in_full(event_type, value)


def in_full(event_type: str, value: bytes) -> Glance:
    """The same by reading all of it."""
    parts = read_event(event_type, orjson.loads(value))
    if parts.lead_id is None:
        raise ValueError("an event of no lead")
    return Glance(parts.lead_id, parts.source or "unknown", set_of(parts.stages), parts.settlement)


_OUTCOME: Final = re.compile(rb'\{"outcome":"([a-z_]{1,40})",')
# Members whose values are ids, down to the lead's; what else an id may hold is found out below.
_LEAD_OF_CONVERTED: Final = re.compile(rb'\{(?:"[a-z_]{1,40}":"[0-9a-f-]{36}",){0,8}?"lead_id":"([0-9a-f-]{36})",')
_QUALIFIED: Final = set_of(("scored", "marketing_qualified"))


def _captured(key: bytes, value: bytes) -> Glance | None:
    lead_id, outcome = _lead_id(key, value), _OUTCOME.match(value)
    if lead_id is None or outcome is None:
        return None
    origin = _from(value, b'"origin":')["origin"]
    settlement = settlement_of(origin, outcome[1].decode(), None, lead_id)
    return Glance(lead_id, plain_text(origin["source"]), BIT["captured"], settlement)


def _scored(key: bytes, value: bytes) -> Glance | None:
    lead_id = _lead_id(key, value)
    if lead_id is None:
        return None
    rest = _from(value, b'"score":')
    stages = _QUALIFIED if rest["score"]["grade"] in MARKETING_GRADES else BIT["scored"]
    return Glance(lead_id, plain_text(rest["origin"]["source"]), stages)


def _routed(key: bytes, value: bytes) -> Glance | None:
    lead_id = _lead_id(key, value)
    if lead_id is None:
        return None
    return Glance(lead_id, plain_text(_from(value, b'"origin":')["origin"]["source"]), BIT["routed"])


def _converted(_key: bytes, value: bytes) -> Glance | None:
    named = _LEAD_OF_CONVERTED.match(value)
    origin = _from(value, b'"origin":')["origin"]
    if named is None or origin is None or not is_id(lead_id := named[1].decode()):
        return None
    return Glance(lead_id, plain_text(origin["source"]), BIT["converted"])


def _lead_id(key: bytes, value: bytes) -> str | None:
    """The key, where it is the id of the lead that the value holds."""
    if b'"lead":{"lead_id":"%b",' % key not in value:
        return None
    lead_id = key.decode()
    return lead_id if is_id(lead_id) else None


def _from(value: bytes, name: bytes) -> dict[str, Any]:
    place = value.rfind(name)
    found: dict[str, Any] = orjson.loads(b"{" + value[place:])
    return found


LOOKS: Final[dict[str, Callable[[bytes, bytes], Glance | None]]] = {
    "lead.captured": _captured,
    "lead.scored": _scored,
    "lead.routed": _routed,
    "opportunity.converted": _converted,
}
