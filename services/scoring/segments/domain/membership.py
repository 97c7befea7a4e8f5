"""Which segments a lead belongs to, from its facts, its score, what it did and what it said of its interest.

    rules = compile_segments(load_segment_rules(text), version=3)
    found = find_segments(known, first_seen, rules, now=now)
    moves = moves_of(standing.members, found.segments, rules)

The same facts at the same moment give the same segments, whatever led to the look: a recount finds nothing to change.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple, TypeAlias

from services.scoring.segments.domain.happenings import (
    Counting,
    Happening,
    compile_counts,
    day_turns,
    earliest,
    known_days,
    next_day_turn,
)
from services.scoring.segments.domain.model import (
    ACTIVITY,
    INTEREST,
    KNOWN_DAYS,
    InterestClass,
    InterestRule,
    Segment,
    SegmentRules,
)
from shared.contracts.lead_fields import STATE_OF_MOST, facts_of
from shared.rules import CompiledRule, Facts, LoadedRules, compile_rules, fields_asked, first_match, reader_of

_SCORE: Final = "score."
_FIRST_TOUCH: Final = "first_touch.at"

WhyLeft: TypeAlias = Literal["conditions", "lead_gone", "segment_gone"]


class Interest(NamedTuple):
    """What is known of a lead's interest: stated by somebody, or concluded by a rule."""

    interest: InterestClass
    reason: str | None
    resume_at: datetime | None = None
    stated: bool = True


class Move(NamedTuple):
    """A lead entered a segment, or exited it. `since` is when it had entered the segment that it left."""

    segment: str
    entered: bool
    why: WhyLeft = "conditions"
    since: str | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """All that a look at a lead rests on. Bytes are JSON as scoring stores them."""

    lead: bytes
    score: bytes
    happenings: Sequence[Happening] = ()
    stated: Interest | None = None


@dataclass(frozen=True, slots=True)
class CompiledSegments:
    """A published version, ready to look at leads."""

    version: int
    segments: tuple[tuple[str, Callable[[Facts], bool]], ...]
    explained: tuple[CompiledRule[Segment], ...]
    interest: tuple[CompiledRule[InterestRule], ...]
    counts: tuple[Counting, ...]
    day_turns: tuple[int, ...]
    see_lead: Callable[[bytes], Facts]
    see_score: Callable[[bytes], Facts]

    def looks_back_to(self, now: datetime) -> datetime:
        """The moment before which nothing counts."""
        return now - max((count.window for count in self.counts), default=timedelta())


@dataclass(frozen=True, slots=True)
class Found:
    """The outcome of a look. `look_at`: when time alone may change it."""

    segments: tuple[str, ...]
    interest: Interest | None
    look_at: datetime | None
    facts: Facts = field(repr=False)


def compile_segments(loaded: LoadedRules[SegmentRules], *, version: int) -> CompiledSegments:
    """The rules as closures."""
    model = loaded.model
    asked = fields_asked([*(rule.when for rule in model.interest), *(rule.when for rule in model.segments)])
    of_score = {name for name in asked if name.startswith(_SCORE)}
    ours = {name for name in asked if name.startswith((ACTIVITY, INTEREST)) or name == KNOWN_DAYS}
    compiled = compile_rules(model.segments)
    return CompiledSegments(
        version=version,
        segments=tuple((each.rule.id, each.holds) for each in compiled),
        explained=compiled,
        interest=compile_rules(model.interest),
        counts=compile_counts(model),
        day_turns=day_turns(model),
        see_lead=reader_of({*(asked - of_score - ours), _FIRST_TOUCH}),
        see_score=reader_of(name.removeprefix(_SCORE) for name in of_score),
    )


def find_segments(known: Known, first_seen: datetime | None, rules: CompiledSegments, *, now: datetime) -> Found:
    """The segments of a lead at a moment, in the order of the rules. `first_seen` is when it was first looked at."""
    lead = rules.see_lead(known.lead)
    since = known_since(lead, first_seen, now)
    activity: dict[str, int] = {}
    turns: list[datetime | None] = [next_day_turn(rules.day_turns, since, now)]
    for count in rules.counts:
        expiries = count.expiries(known.happenings, now) if known.happenings else []
        activity[count.name] = len(expiries)
        if expiries:
            turns.append(count.next_turn(expiries))
    facts = {
        **STATE_OF_MOST, **facts_of(lead), "score": rules.see_score(known.score), "activity": activity,
        KNOWN_DAYS: known_days(since, now),
    }  # fmt: skip
    interest = known.stated or _concluded(rules.interest, facts)
    facts["interest"] = {} if interest is None else {"class": interest.interest, "reason": interest.reason}
    found = tuple(segment for segment, holds in rules.segments if holds(facts))
    return Found(found, interest, earliest(*turns), facts)


def known_since(lead: Facts, first_seen: datetime | None, now: datetime) -> datetime:
    """When a lead became known: its first touch, unless its source dates that ahead, else when it was first looked at."""
    touch = lead.get("first_touch")
    at = touch.get("at") if isinstance(touch, dict) else None
    try:
        told = datetime.fromisoformat(at) if isinstance(at, str) else None
    except ValueError:
        told = None
    return told if told is not None and told.tzinfo is not None and told <= now else first_seen or now


def moves_of(members: Mapping[str, str], found: Iterable[str], rules: CompiledSegments | None) -> list[Move]:
    """What changes. Without rules the lead itself is gone: merged away, or erased."""
    now_in = dict.fromkeys(found)
    known = {segment for segment, _ in rules.segments} if rules is not None else set()
    left = [
        Move(segment, False, _why_left(segment, rules, known), since)
        for segment, since in members.items()
        if segment not in now_in
    ]
    return [*left, *(Move(segment, True) for segment in now_in if segment not in members)]


def _why_left(segment: str, rules: CompiledSegments | None, known: set[str]) -> WhyLeft:
    if rules is None:
        return "lead_gone"
    return "conditions" if segment in known else "segment_gone"


def _concluded(rules: tuple[CompiledRule[InterestRule], ...], facts: Facts) -> Interest | None:
    rule = first_match(rules, facts)
    return None if rule is None else Interest(rule.interest, rule.reason or rule.id, stated=False)
