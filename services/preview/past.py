"""The stored past as a preview keeps it: a few numbers a state and lead, and nothing of a person.

A lead's states are judged as they are read, by the live rules and by the drafts; what they were is forgotten at once. So a
hundred thousand leads take a few dozen megabytes, and the order in which events come does not matter.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec
import orjson

from services.conversion.domain.pipeline import LOST as LOST_PERCENT
from services.conversion.domain.pipeline import WON as WON_PERCENT
from services.preview.judging import EXPIRED, LEAD, Judge, Verdict
from services.reporting.domain.bundles import Entry
from services.reporting.domain.personal import join_lead

STATE_TYPES: Final = frozenset({"lead.captured", "lead.changed", "lead.merged", "lead.unmerged"})
OPEN, WON, LOST = "open", "won", "lost"
_OUTCOMES: Final = {WON_PERCENT: WON, LOST_PERCENT: LOST}
_UNREADABLE: Final = (KeyError, TypeError, ValueError, AttributeError, msgspec.DecodeError)


class Judged(NamedTuple):
    """What both versions of the rules say of one state of a lead."""

    live: Verdict
    draft: Verdict
    is_target: bool
    is_expired: bool


class Holder(NamedTuple):
    """Who had a lead."""

    owner: str | None
    queue: str | None


class Told(NamedTuple):
    """What the live system made of a lead, by the newest version of each part."""

    grade: str | None = None
    grade_version: int = -1
    holder: Holder | None = None
    holder_version: int = -1
    outcome: str | None = None
    outcome_version: int = -1


class State(NamedTuple):
    """One state of a lead, in event time (microseconds since 1970)."""

    at: int
    version: int
    judged: Judged


_NOTHING_TOLD: Final = Told()


class Wanted:
    """Takes events in any order and hands on those of the leads that are asked about."""

    def __init__(self) -> None:
        self._places: dict[bytes, int] = {}
        self._ids: list[bytes] = []
        self.unreadable = 0

    def want(self, lead_ids: bytes) -> None:
        """Leads that are asked about, sixteen bytes each. They come before their events."""
        for start in range(0, len(lead_ids), 16):
            lead_id = lead_ids[start : start + 16]
            if lead_id not in self._places:
                self._places[lead_id] = len(self._ids)
                self._ids.append(lead_id)
                self._begin()

    def __len__(self) -> int:
        return len(self._ids)

    def take_bundle(self, entries: Iterable[Entry]) -> None:
        """Events of a bundle. Those whose personal part was taken out say nothing of the lead any more."""
        for entry in entries:
            if entry.raw and entry.type in _BUNDLED:
                self._take(entry.lead_id, entry.type, entry.at, entry.value)

    def take_event(self, event: Mapping[str, Any]) -> None:
        """An event that has a row of its own: facts and personal part apart."""
        facts = event["facts"]
        if event["type"] in STATE_TYPES:
            facts = {**facts, "lead": join_lead(facts.get("lead") or {}, event["personal"] or {})}
        self._take(event["lead_id"], event["type"], event["at"], orjson.dumps(facts))

    def _take(self, lead_id: str, event_type: str, at: int, value: bytes) -> None:
        place = self._places.get(bytes.fromhex(lead_id.replace("-", "")))
        if place is None:
            return
        try:
            if event_type in STATE_TYPES:
                seen = _read_state(value)
                self._take_state(place, at, seen.lead_version, orjson.loads(memoryview(seen.lead)))
            else:
                self._take_told(place, event_type, value)
        except _UNREADABLE:
            self.unreadable += 1

    def _begin(self) -> None:
        """One more lead is asked about."""

    def _take_state(self, place: int, at: int, version: int, lead: dict[str, Any]) -> None:
        """What a lead was like."""

    def _take_told(self, place: int, event_type: str, value: bytes) -> None:
        """What the live system made of it."""


class Past(Wanted):
    """Hands out each lead's states in event time, judged."""

    def __init__(self, live: Judge, draft: Judge) -> None:
        super().__init__()
        self._live, self._draft = live, draft
        self._told: list[Told] = []
        self._state_of, self._at, self._version, self._judged = array("i"), array("q"), array("i"), array("i")
        self._known: dict[Judged, int] = {}
        self._verdicts: list[Judged] = []
        self._holders: dict[Holder, Holder] = {}

    def _begin(self) -> None:
        self._told.append(_NOTHING_TOLD)

    def _take_told(self, place: int, event_type: str, value: bytes) -> None:
        self._told[place] = self._with(self._told[place], event_type, value)

    def _take_state(self, place: int, at: int, version: int, lead: dict[str, Any]) -> None:
        state = lead.get("state") or LEAD
        is_target = state != LEAD
        live = self._live.judge(lead, is_target=is_target)
        draft = live if self._draft is self._live else self._draft.judge(lead, is_target=is_target)
        judged = Judged(live, draft, is_target, state == EXPIRED)
        number = self._known.get(judged)
        if number is None:
            number = self._known[judged] = len(self._verdicts)
            self._verdicts.append(judged)
        self._state_of.append(place)
        self._at.append(at)
        self._version.append(version)
        self._judged.append(number)

    def _with(self, told: Told, event_type: str, value: bytes) -> Told:
        if event_type == "lead.scored":
            score = _read_score(value)
            if score.score_version > told.grade_version:
                return told._replace(grade=score.score.grade, grade_version=score.score_version)
        elif event_type == "lead.routed":
            routed = _read_assignment(value)
            if routed.assignment_version > told.holder_version:
                holder = Holder(routed.assignment.owner, routed.assignment.queue)
                holder = self._holders.setdefault(holder, holder)
                return told._replace(holder=holder, holder_version=routed.assignment_version)
        else:
            outcome, version = outcome_of(value)
            if version > told.outcome_version:
                return told._replace(outcome=outcome, outcome_version=version)
        return told

    def leads(self) -> Iterator[tuple[str, list[State], Told]]:
        """Every wanted lead with its states in event time, in the order of ids; a lead without a state is left out."""
        order = sorted(range(len(self._at)), key=self._order)
        start = 0
        while start < len(order):
            place, end = self._state_of[order[start]], start
            while end < len(order) and self._state_of[order[end]] == place:
                end += 1
            states = [State(self._at[n], self._version[n], self._verdicts[self._judged[n]]) for n in order[start:end]]
            yield _written(self._ids[place]), states, self._told[place]
            start = end

    def _order(self, n: int) -> tuple[bytes, int, int]:
        return self._ids[self._state_of[n]], self._at[n], self._version[n]


_BUNDLED: Final = STATE_TYPES | {"lead.scored", "lead.routed", "opportunity.converted", "opportunity.changed"}


def _written(lead_id: bytes) -> str:
    text = lead_id.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def outcome_of(value: bytes) -> tuple[str, int]:
    """What became of a lead by an event of its opportunity, and that one's version."""
    deal = _read_deal(value)
    return _OUTCOMES.get(deal.probability, OPEN), deal.opportunity_version


class _SeenState(msgspec.Struct, gc=False):
    lead: msgspec.Raw
    lead_version: int


class _SeenGrade(msgspec.Struct, gc=False):
    grade: str


class _SeenScore(msgspec.Struct, gc=False):
    score: _SeenGrade
    score_version: int


class _SeenHolder(msgspec.Struct, gc=False):
    owner: str | None = None
    queue: str | None = None


class _SeenAssignment(msgspec.Struct, gc=False):
    assignment: _SeenHolder
    assignment_version: int


class _SeenDeal(msgspec.Struct, gc=False):
    probability: int
    opportunity_version: int = 0


_read_state: Final = msgspec.json.Decoder(_SeenState).decode
_read_score: Final = msgspec.json.Decoder(_SeenScore).decode
_read_assignment: Final = msgspec.json.Decoder(_SeenAssignment).decode
_read_deal: Final = msgspec.json.Decoder(_SeenDeal).decode
