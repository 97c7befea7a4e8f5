"""Takes the stored past event by event, whatever the order, and hands on what is asked about: states of leads, what was made of
them, what they did.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import msgspec
import orjson

from services.conversion.domain.pipeline import LOST as LOST_PERCENT
from services.conversion.domain.pipeline import WON as WON_PERCENT
from services.preview.deeds import Families, bytes_of
from services.reporting.domain.bundles import Entry
from services.reporting.domain.personal import join_lead
from services.scoring.domain.behaviour import ms_of
from shared.contracts.thin import received_at

STATE_TYPES: Final = frozenset({"lead.captured", "lead.changed", "lead.merged", "lead.unmerged"})
OPEN, WON, LOST = "open", "won", "lost"
_OUTCOMES: Final = {WON_PERCENT: WON, LOST_PERCENT: LOST}
UNKNOWN: Final = -1
_BEHAVED: Final = "lead.behaved"
_CORRECTED: Final = "behaviour.corrected"
_MERGED: Final = "lead.merged"
_BUNDLED: Final = STATE_TYPES | {
    _BEHAVED,
    _CORRECTED,
    "lead.scored",
    "lead.routed",
    "opportunity.converted",
    "opportunity.changed",
}
_UNREADABLE: Final = (KeyError, TypeError, ValueError, AttributeError, msgspec.DecodeError)


class Seen(NamedTuple):
    """A state of a lead as an event carries it, at microseconds since 1970. `came_ms`: when the submission that made it was
    received; UNKNOWN where none did."""

    at: int
    version: int
    lead: bytes
    came_ms: int


class Wanted:
    """Takes events in any order and hands on those of the leads that are asked about."""

    def __init__(self) -> None:
        self._places: dict[bytes, int] = {}
        self._ids: list[bytes] = []
        self._families = Families()
        self.unreadable = 0

    def want(self, lead_ids: bytes) -> None:
        """Leads that are asked about, sixteen bytes each. They come before their events."""
        for start in range(0, len(lead_ids), 16):
            lead_id = lead_ids[start : start + 16]
            if lead_id not in self._places:
                self._places[lead_id] = len(self._ids)
                self._ids.append(lead_id)
                self._begin()

    def want_merged(self, pairs: bytes) -> None:
        """Leads that were merged into these: what they did is asked about too."""
        self._families.join(pairs)

    def __len__(self) -> int:
        return len(self._ids)

    def take_bundle(self, entries: Iterable[Entry]) -> None:
        """Events of a bundle. Those whose personal part was taken out say nothing of the lead any more."""
        for entry in entries:
            if entry.raw and entry.type in _BUNDLED:
                self._take(entry.lead_id, entry.event_id, entry.type, entry.at, entry.value)

    def take_event(self, event: Mapping[str, Any]) -> None:
        """An event that has a row of its own: facts and personal part apart."""
        facts = event["facts"]
        if event["type"] in STATE_TYPES:
            facts = {**facts, "lead": join_lead(facts.get("lead") or {}, event["personal"] or {})}
        self._take(event["lead_id"], "", event["type"], event["at"], orjson.dumps(facts))

    def _take(self, lead_id: str, event_id: str, event_type: str, at: int, value: bytes) -> None:
        lead = bytes_of(lead_id)
        place = self._places.get(lead)
        if place is None and lead not in self._families:
            return
        try:
            if event_type == _MERGED:
                self._families.note_merge(value, at // 1000)
            if event_type == _BEHAVED:
                self._take_deed(lead, bytes_of(event_id), value)
            elif event_type == _CORRECTED:
                self._take_correction(lead, value)
            elif place is None:
                return
            elif event_type in STATE_TYPES:
                self._take_state(place, _seen(at, value))
            else:
                self._take_told(place, event_type, at, value)
        except _UNREADABLE:
            self.unreadable += 1

    def _begin(self) -> None:
        """One more lead is asked about."""

    def _take_state(self, place: int, seen: Seen) -> None:
        """What a lead was like."""

    def _take_deed(self, lead_id: bytes, event_id: bytes, value: bytes) -> None:
        """What a lead, or one that was merged into it, did."""

    def _take_correction(self, lead_id: bytes, value: bytes) -> None:
        """What it did is seen otherwise."""

    def _take_told(self, place: int, event_type: str, at: int, value: bytes) -> None:
        """What the live system made of it."""


def outcome_of(value: bytes) -> tuple[str, int]:
    """What became of a lead by an event of its opportunity, and that one's version."""
    deal = _read_deal(value)
    return _OUTCOMES.get(deal.probability, OPEN), deal.opportunity_version


def _seen(at: int, value: bytes) -> Seen:
    parts = _read_state(value)
    came = received_at(bytes(parts.origin))
    return Seen(at, parts.lead_version, bytes(parts.lead), UNKNOWN if came is None else ms_of(came))


class _SeenState(msgspec.Struct, gc=False):
    lead: msgspec.Raw
    lead_version: int
    origin: msgspec.Raw = msgspec.Raw(b"null")


class _SeenDeal(msgspec.Struct, gc=False):
    probability: int
    opportunity_version: int = 0


_read_state: Final = msgspec.json.Decoder(_SeenState).decode
_read_deal: Final = msgspec.json.Decoder(_SeenDeal).decode
