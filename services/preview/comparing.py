"""What drafts change, told in counts and a few examples: grades, owners, queues, loads, hand-offs, wins and losses."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from services.preview.books import Rules
from services.preview.past import Holder, Judged, Lived, Told
from services.preview.wanted import LOST, OPEN, WON
from services.routing.domain.assignment import Dealing, Match, hold_target
from services.routing.domain.roster import Roster

GRADES: Final = ("A", "B", "C", "D")
_DAY_US: Final = 86_400_000_000
_NONE: Final = "-"


class Compared(NamedTuple):
    """A lead by both versions of the rules. `first_at` is when it is given to somebody, `given` its state then, `newest` that of
    now, and `settled` that of when it was won or lost."""

    lead_id: str
    first_at: int
    given: Judged
    newest: Judged
    settled: Judged
    opens: tuple[bool, bool]
    told: Told


def compared(leads: Iterable[Lived]) -> Iterator[Compared]:
    """Each lead with the state that it is given away in, which is its first as a lead, and its newest."""
    for lead in leads:
        given = next((state for state in lead.states if not state.judged.is_target), lead.states[0])
        yield Compared(lead.lead_id, given.at, given.judged, lead.now, lead.settled, lead.opens, lead.told)


class Dealer:
    """Gives leads away in event time, as routing would by these rules. Rotations begin with the first of each."""

    def __init__(self, rules: Rules, roster: Roster) -> None:
        self._policy = rules.policy
        self._dealing = Dealing(self._policy, roster, {})
        self._matches = {place: Match(entry.rule, ()) for place, entry in enumerate(self._policy.rules)}
        for place, each in enumerate(self._policy.requirements):
            self._matches[~place] = Match(None, (), each.rule)
        self._nobody = Match(None, ())

    def give(self, entry: int | None, judged: Judged) -> Holder:
        """Who gets the next lead."""
        if judged.is_target:
            choice, _ = hold_target(self._policy, expired=judged.is_expired)
        else:
            choice, _ = self._dealing.give(self._nobody if entry is None else self._matches[entry])
        return Holder(choice.owner, choice.queue)


@dataclass
class Tally:
    """Counts of what differs, and the first few leads of each kind of difference."""

    examples: int
    leads: int = 0
    grades: Mapping[str, Counter[str]] = field(
        default_factory=lambda: {side: Counter() for side in ("recorded", "live", "draft")}
    )
    outcomes: Mapping[str, Counter[tuple[str, str]]] = field(
        default_factory=lambda: {side: Counter() for side in ("live", "draft")}
    )
    owners: Mapping[str, Counter[str]] = field(
        default_factory=lambda: {side: Counter() for side in ("recorded", "live", "draft")}
    )
    queues: Mapping[str, Counter[str]] = field(
        default_factory=lambda: {side: Counter() for side in ("recorded", "live", "draft")}
    )
    moves: Mapping[str, Counter[tuple[str, str]]] = field(
        default_factory=lambda: {what: Counter() for what in ("grade", "owner", "queue", "gate")}
    )
    shown: Mapping[str, list[dict[str, Any]]] = field(
        default_factory=lambda: {what: [] for what in ("grade", "owner", "queue", "gate")}
    )
    opens: Counter[str] = field(default_factory=Counter)
    score_changes: int = 0
    first_at: int | None = None
    last_at: int | None = None

    def add(self, lead: Compared, live: Holder, draft: Holder) -> None:
        """Count one lead."""
        self.leads += 1
        self.first_at = lead.first_at if self.first_at is None else min(self.first_at, lead.first_at)
        self.last_at = lead.first_at if self.last_at is None else max(self.last_at, lead.first_at)
        before, after = lead.newest.live, lead.newest.draft
        self.score_changes += before.value != after.value
        self._count_sides(lead, live, draft)
        self._note("grade", lead.lead_id, before.grade, after.grade)
        self._note("owner", lead.lead_id, live.owner or _NONE, draft.owner or _NONE)
        self._note("queue", lead.lead_id, live.queue or _NONE, draft.queue or _NONE)
        self._note("gate", lead.lead_id, *("open" if opens else "closed" for opens in lead.opens))

    def _count_sides(self, lead: Compared, live: Holder, draft: Holder) -> None:
        recorded = lead.told.holder
        self.grades["recorded"][lead.told.grade or _NONE] += 1
        for side, verdict, settled, holder, opens in (
            ("live", lead.newest.live, lead.settled.live, live, lead.opens[0]),
            ("draft", lead.newest.draft, lead.settled.draft, draft, lead.opens[1]),
        ):
            self.grades[side][verdict.grade] += 1
            self.outcomes[side][settled.grade, lead.told.outcome or _NONE] += 1
            self.opens[side] += opens
            self._hold(side, holder)
        self.opens["recorded"] += lead.told.outcome is not None
        if recorded is not None:
            self._hold("recorded", recorded)

    def _hold(self, side: str, holder: Holder) -> None:
        if holder.owner is not None:
            self.owners[side][holder.owner] += 1
        elif holder.queue is not None:
            self.queues[side][holder.queue] += 1

    def _note(self, what: str, lead_id: str, before: str, after: str) -> None:
        if before == after:
            return
        self.moves[what][before, after] += 1
        if len(self.shown[what]) < self.examples:
            self.shown[what].append({"lead_id": lead_id, "from": before, "to": after})


def compare(leads: Iterable[Compared], live: Rules, draft: Rules, roster: Roster, *, examples: int) -> Tally:
    """Both versions side by side, each giving the leads away in event time."""
    by_live, by_draft, tally = Dealer(live, roster), Dealer(draft, roster), Tally(examples)
    for lead in sorted(leads, key=lambda each: (each.first_at, each.lead_id)):
        before = by_live.give(lead.given.live.entry, lead.given)
        after = by_draft.give(lead.given.draft.entry, lead.given)
        tally.add(lead, before, after)
    return tally


def report(tally: Tally) -> dict[str, Any]:
    """The tally as JSON."""
    days = 0.0
    if tally.first_at is not None and tally.last_at is not None:
        days = max(1.0, (tally.last_at - tally.first_at) / _DAY_US)
    return {
        "leads": tally.leads,
        "first_at_us": tally.first_at,
        "last_at_us": tally.last_at,
        "days": round(days, 2),
        "changed": {"score": tally.score_changes} | {what: sum(moves.values()) for what, moves in tally.moves.items()},
        "grades": [_grade_row(grade, tally, days) for grade in GRADES],
        "moves": {what: _moves(moves) for what, moves in tally.moves.items()},
        "members": _sides("member", tally.owners),
        "queues": _sides("queue", tally.queues),
        "converted": {side: tally.opens[side] for side in ("recorded", "live", "draft")},
        "examples": dict(tally.shown),
    }


def _grade_row(grade: str, tally: Tally, days: float) -> dict[str, Any]:
    counts = {side: tally.grades[side][grade] for side in ("recorded", "live", "draft")}
    per_day = {f"{side}_per_day": round(counts[side] / days, 2) if days else 0.0 for side in ("live", "draft")}
    found = {
        f"{outcome}_{side}": tally.outcomes[side][grade, outcome]
        for outcome in (WON, LOST, OPEN)
        for side in ("live", "draft")
    }
    return {"grade": grade, **counts, **per_day, **found}


def _moves(moves: Counter[tuple[str, str]]) -> list[dict[str, Any]]:
    ordered: Sequence[tuple[tuple[str, str], int]] = sorted(moves.items(), key=lambda item: (-item[1], item[0]))
    return [{"from": before, "to": after, "count": count} for (before, after), count in ordered[:_SHOWN_MOVES]]


_SHOWN_MOVES: Final = 100


def _sides(name: str, counted: Mapping[str, Counter[str]]) -> list[dict[str, Any]]:
    names = sorted({each for counts in counted.values() for each in counts})
    return [{name: each, **{side: counts[each] for side, counts in counted.items()}} for each in names]
