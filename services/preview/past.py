"""The stored past as a preview keeps it: a few numbers a state, an event and a lead, and of leads what rules ask about.

A lead's states are judged when all of its past is known, one lead after the other, each as of its instant, by the live rules and
by the drafts. So a hundred thousand leads take some dozens of megabytes, and the order in which events come does not matter.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby
from typing import Final, NamedTuple

import msgspec
import orjson

from services.preview.deeds import ALWAYS_MS, Deeds, compact
from services.preview.judging import EXPIRED, LEAD, Did, Judge, Verdict
from services.preview.wanted import LOST, UNKNOWN, WON, Seen, Wanted, outcome_of
from services.scoring.domain.engagement import asked_of_events
from shared.rules import reader_of


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
    """What the live system made of a lead, by the newest version of each part. `outcome_at`: when it came to that."""

    grade: str | None = None
    grade_version: int = -1
    holder: Holder | None = None
    holder_version: int = -1
    outcome: str | None = None
    outcome_version: int = -1
    outcome_at: int = 0


class State(NamedTuple):
    """One state of a lead, in event time (microseconds since 1970)."""

    at: int
    version: int
    judged: Judged


class Lived(NamedTuple):
    """A lead: its states in event time, what rules make of it now, what they made of it when it was won or lost (else: now), and
    whether either gate ever opened."""

    lead_id: str
    states: Sequence[State]
    now: Judged
    settled: Judged
    opens: tuple[bool, bool]
    told: Told


_NOTHING_TOLD: Final = Told()


class Past(Wanted):
    """Hands out each lead with its states in event time, judged. `as_of_ms` is now; None: when the newest state was."""

    def __init__(self, live: Judge, draft: Judge, *, as_of_ms: int | None = None) -> None:
        super().__init__()
        self._live, self._draft = live, draft
        self._as_of_ms, self._last_ms = as_of_ms, 0
        sides = (live.rules, draft.rules)
        self._follows = any(rules.follows_leads for rules in sides)
        self._cools = any(rules.model.may_cool for rules in sides)
        self._deeds = Deeds(asked_of_events(rule for rules in sides for rule in rules.behaviour))
        self._see = reader_of({"state", *(field for rules in sides for field in rules.asked_of_leads)})
        self._told: list[Told] = []
        self._state_of, self._at, self._version = array("i"), array("q"), array("i")
        self._came_ms, self._lead = array("q"), array("i")
        self._leads: list[bytes] = []
        self._numbers: dict[bytes, int] = {}
        self._known: dict[Judged, Judged] = {}
        self._holders: dict[Holder, Holder] = {}

    def _begin(self) -> None:
        self._told.append(_NOTHING_TOLD)

    def _take_told(self, place: int, event_type: str, at: int, value: bytes) -> None:
        self._told[place] = self._with(self._told[place], event_type, at, value)

    def _take_deed(self, lead_id: bytes, event_id: bytes, value: bytes) -> None:
        if self._follows:
            self._deeds.tell(lead_id, event_id, value)

    def _take_correction(self, lead_id: bytes, value: bytes) -> None:
        if self._follows:
            self._deeds.correct(lead_id, value)

    def _take_state(self, place: int, seen: Seen) -> None:
        lead = self._see(seen.lead)
        if not isinstance(lead, dict):
            raise TypeError("a lead is a JSON object")
        number = self._number_of(orjson.dumps(lead))
        self._state_of.append(place)
        self._at.append(seen.at)
        self._version.append(seen.version)
        self._came_ms.append(seen.came_ms)
        self._lead.append(number)
        self._last_ms = max(self._last_ms, seen.at // 1000)

    def _number_of(self, written: bytes) -> int:
        number = self._numbers.get(written)
        if number is None:
            kept = compact(written)
            number = self._numbers[kept] = len(self._leads)
            self._leads.append(kept)
        return number

    def _with(self, told: Told, event_type: str, at: int, value: bytes) -> Told:
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
                return told._replace(outcome=outcome, outcome_version=version, outcome_at=at)
        return told

    def leads(self) -> Iterator[Lived]:
        """Every wanted lead, in the order of ids; a lead without a state is left out."""
        order = sorted(range(len(self._at)), key=self._order)
        for place, numbers in groupby(order, key=self._state_of.__getitem__):
            yield self._lived(place, list(numbers))

    def _order(self, n: int) -> tuple[bytes, int, int]:
        return self._ids[self._state_of[n]], self._at[n], self._version[n]

    def _lived(self, place: int, numbers: Sequence[int]) -> Lived:
        """One lead of its states, in event time. What time or behaviour cannot change is judged once a state."""
        lead_id, told = self._ids[place], self._told[place]
        self._carry_came(numbers)
        states = [
            State(self._at[n], self._version[n], self._judge(lead_id, n, self._at[n] // 1000, self._at[n] // 1000))
            for n in numbers
        ]
        newest = self._newest(numbers)
        now = settled = states[numbers.index(newest)].judged
        looks: Iterable[Judged] = [state.judged for state in states]
        if self._cools or self._deeds.known_of(self._families.at(lead_id, ALWAYS_MS)):
            as_of_ms = self._last_ms if self._as_of_ms is None else self._as_of_ms
            now = settled = self._judge(lead_id, newest, as_of_ms, ALWAYS_MS)
            if told.outcome in (WON, LOST):
                settled = self._judge(lead_id, newest, told.outcome_at // 1000, told.outcome_at // 1000)
            looks = chain(looks, [now], self._between(lead_id, numbers))
        return Lived(_written(lead_id), states, now, settled, _opens(looks), told)

    def _carry_came(self, numbers: Sequence[int]) -> None:
        """A state that no submission made has come when the one before it did, as in scoring."""
        came_ms = UNKNOWN
        for n in sorted(numbers, key=self._version.__getitem__):
            came_ms = self._came_ms[n] = came_ms if self._came_ms[n] == UNKNOWN else self._came_ms[n]

    def _newest(self, numbers: Iterable[int]) -> int:
        return max(numbers, key=lambda n: (self._version[n], self._at[n]))

    def _between(self, lead_id: bytes, numbers: Sequence[int]) -> Iterator[Judged]:
        """The lead on each day on which it did something, as of its last deed of that day."""
        for at_ms in self._deeds.days(self._families.at(lead_id, ALWAYS_MS), self._at[numbers[0]] // 1000):
            newest = self._newest(n for n in numbers if self._at[n] // 1000 <= at_ms)
            yield self._judge(lead_id, newest, at_ms, at_ms)

    def _judge(self, lead_id: bytes, n: int, now_ms: int, until_ms: int) -> Judged:
        """A state of a lead as of an instant, by what was known until then."""
        lead = orjson.loads(self._leads[self._lead[n]])
        state = lead.get("state") or LEAD
        came_ms = self._came_ms[n]
        deeds = self._deeds.at(self._families.at(lead_id, until_ms), until_ms) if self._follows else []
        did = Did(deeds, now_ms, now_ms if came_ms == UNKNOWN else came_ms)
        live = self._live.judge(lead, did, is_target=state != LEAD)
        draft = live if self._draft is self._live else self._draft.judge(lead, did, is_target=state != LEAD)
        judged = Judged(live, draft, state != LEAD, state == EXPIRED)
        return self._known.setdefault(judged, judged)


def _opens(looks: Iterable[Judged]) -> tuple[bool, bool]:
    """Whether either gate opens at any look; no more are taken than are needed to tell."""
    live = draft = False
    for each in looks:
        live, draft = live or each.live.opens, draft or each.draft.opens
        if live and draft:
            break
    return live, draft


def _written(lead_id: bytes) -> str:
    text = lead_id.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


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


_read_score: Final = msgspec.json.Decoder(_SeenScore).decode
_read_assignment: Final = msgspec.json.Decoder(_SeenAssignment).decode
