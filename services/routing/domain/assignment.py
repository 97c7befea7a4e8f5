"""Who gets a lead, and why: the first rule that holds, its target, and what happens when nobody is there.

Assignments serialise as the contract `shared.contracts.events.routing.Assignment`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

import orjson

from services.routing.domain.roster import Roster, next_in_turn
from services.routing.domain.rules import (
    DEFAULT_RULE,
    HOLDING_RULE,
    MANUAL_RULE,
    AssignmentPolicy,
    AssignmentRule,
    Requirement,
)
from shared.rules import CompiledRule, ConditionVerdict, Facts

Strategy: TypeAlias = Literal["owner", "queue", "round_robin", "default", "manual", "holding", "requirement"]

REQUIREMENT_NOT_MET: Final = "requirement_not_met"
RULE_MATCHED: Final = "rule_matched"
NO_RULE_MATCHED: Final = "no_rule_matched"
OWNER_UNKNOWN: Final = "owner_unknown"
OWNER_INACTIVE: Final = "owner_inactive"
NOBODY_AVAILABLE: Final = "nobody_available"
TARGET: Final = "target"
EXPIRED: Final = "expired"

# As `assignment_of` serialises it: why a target, or one that never responded, is where it is.
_HELD: Final = {reason: b'"strategy":"holding","reason":"%b"' % reason.encode() for reason in (TARGET, EXPIRED)}
_WAITING: Final = b'"strategy":"requirement"'
_SHOWN_VALUES: Final = 8
_SHOWN_TEXT: Final = 60


@dataclass(frozen=True, slots=True)
class Step:
    """A rule that was tried. `failed` names conditions as the rule states them, never the lead's values."""

    rule: str
    matched: bool
    failed: Sequence[str] = ()
    skipped: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Assignment:
    """Who holds the lead: an owner or a queue, never both and never neither."""

    assignment_id: str
    owner: str | None
    queue: str | None
    rule: str
    strategy: Strategy
    reason: str
    trace: Sequence[Step]
    rules: Mapping[str, Any]
    assigned_at: str


@dataclass(frozen=True, slots=True)
class Turn:
    """The next state of a rotation: who was assigned last."""

    rotation: str
    member_id: str


@dataclass(frozen=True, slots=True, eq=False)
class Match:
    """The first rule that holds (None: none does) and every rule tried before it. The same one for leads that met the
    same conditions, so that what follows from it is found again by it."""

    rule: AssignmentRule | None
    tried: tuple[Step, ...]
    requirement: Requirement | None = None
    """What the lead lacks, so that no rule was tried."""

    @property
    def rotation(self) -> str | None:
        """The rotation that is needed to name the owner."""
        return self.rule.rotation if self.rule is not None else None


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen, before it has an id and a time. `turn` is set where a rotation moved."""

    owner: str | None
    queue: str | None
    rule: str
    strategy: Strategy
    reason: str
    trace: tuple[Step, ...]
    turn: Turn | None = field(default=None)


def choose_assignment(
    facts: Facts,
    policy: AssignmentPolicy,
    roster: Roster,
    rotations: Mapping[str, str | None],
    *,
    now: str,
    assignment_id: str,
) -> tuple[Assignment, Turn | None]:
    """The assignment of a lead and the next state of the rotation that it moved. `now` is an RFC 3339 instant."""
    choice = choose(match_rule(facts, policy), policy, roster, rotations)
    return assignment_of(choice, policy, now=now, assignment_id=assignment_id), choice.turn


def match_rule(facts: Facts, policy: AssignmentPolicy) -> Match:
    """The first rule that holds; rules behind it are not tried, and none for a lead that lacks what is required."""
    return _match_among(facts, policy, range(len(policy.rules)))


def choose(match: Match, policy: AssignmentPolicy, roster: Roster, rotations: Mapping[str, str | None]) -> Choice:
    """The owner or queue that the matched rule names; the default queue, with the reason, where nobody is there."""
    rule, tried, lacking = match.rule, match.tried, match.requirement
    if lacking is not None:
        why = f"{REQUIREMENT_NOT_MET}: {lacking.id} needs {lacking.name} ({lacking.field})"
        return Choice(None, lacking.queue, lacking.id, "requirement", why, tried)
    if rule is None:
        return Choice(None, policy.default_queue, DEFAULT_RULE, "default", NO_RULE_MATCHED, tried)
    if rule.assign.queue is not None:
        trace = (*tried, Step(rule.id, matched=True))
        return Choice(None, rule.assign.queue, rule.id, "queue", RULE_MATCHED, trace)
    if rule.assign.owner is not None:
        return _fixed_owner(rule, tried, policy, roster)
    return _in_turn(rule, tried, policy, roster, rotations)


class Dealing:
    """Gives a batch's leads away one after the other: one policy, one roster, rotations that move on.

    `rotations` are the last assigned members, and are changed; `turns` are the rotations that moved.
    """

    def __init__(self, policy: AssignmentPolicy, roster: Roster, rotations: dict[str, str | None]) -> None:
        self._policy = policy
        self._roster = roster
        self._rotations = rotations
        self._chosen: dict[tuple[Match, str | None], tuple[Choice, bytes]] = {}
        self.turns: dict[str, Turn] = {}

    def give(self, match: Match) -> tuple[Choice, bytes]:
        """Who gets the next lead, as `choose` says, and that as JSON for `assignment_json`."""
        rotation = match.rotation
        key = (match, None if rotation is None else self._rotations.get(rotation))
        given = self._chosen.get(key)
        if given is None:
            choice = choose(match, self._policy, self._roster, self._rotations)
            given = self._chosen[key] = choice, _choice_json(choice, self._policy)
        turn = given[0].turn
        if turn is not None:
            self._rotations[turn.rotation] = turn.member_id
            self.turns[turn.rotation] = turn
        return given


def hold_target(policy: AssignmentPolicy, *, expired: bool = False) -> tuple[Choice, bytes]:
    """Where a target waits until it responds, or stays when it did not in time: it is given to nobody. The choice, and
    that as JSON."""
    queue, reason = ("expired", EXPIRED) if expired else ("targets", TARGET)
    choice = Choice(None, policy.holding[queue], HOLDING_RULE, "holding", reason, ())
    return choice, _choice_json(choice, policy)


def is_held_target(assignment: bytes) -> bool:
    """Whether this assignment, as JSON, is that of a target, also of one that never responded."""
    return any(held in assignment for held in _HELD.values())


def is_held_otherwise(assignment: bytes, *, expired: bool) -> bool:
    """Whether a target is held as one whose time is not over, and that is not so any more; or the reverse."""
    return _HELD[TARGET if expired else EXPIRED] in assignment


def is_waiting(assignment: bytes) -> bool:
    """Whether a lead of this assignment, as JSON, lacks what is required, and waits for its next version."""
    return _WAITING in assignment


def rule_of(assignment: bytes) -> str:
    """The id of the rule that made an assignment, of its JSON."""
    return str(orjson.loads(assignment)["rule"])


def lay_aside(queue: str, *, reason: str, policy: AssignmentPolicy, now: str, assignment_id: str) -> Assignment:
    """The assignment of a lead that nobody works on for now. `reason` is the status."""
    return Assignment(assignment_id, None, queue, HOLDING_RULE, "holding", reason, (), policy.used, now)


def find_match(facts: Facts, policy: AssignmentPolicy) -> Match:
    """The same as `match_rule`, found again where an earlier lead met the same conditions. Of very many rules those whose
    equality conditions cannot hold are passed over: of their conditions the trace names that one."""
    part = policy.index.of(facts)
    found: Match = part.precedents.decide(_match_among, facts, policy, part.places)
    return found


def _match_among(facts: Facts, policy: AssignmentPolicy, places: Sequence[int]) -> Match:
    for required in policy.requirements:
        if not required.holds(facts):
            return Match(None, (_refusal(required, facts),), required.rule)
    tried: list[Step] = []
    for place in places:
        tried += [_passed_over(skipped, policy) for skipped in range(len(tried), place)]
        compiled = policy.rules[place]
        if compiled.holds(facts):
            return Match(compiled.rule, tuple(tried))
        tried.append(_refusal(compiled, facts))
    tried += [_passed_over(skipped, policy) for skipped in range(len(tried), len(policy.rules))]
    return Match(None, tuple(tried))


def _passed_over(place: int, policy: AssignmentPolicy) -> Step:
    step: Step | None = policy.passed_over.get(place)
    if step is None:
        asked = policy.index.passed_over[place]
        verdicts = [ConditionVerdict(each.field, each.operator, each.expected, met=False) for each in asked]
        failed = list(map(describe_condition, verdicts))
        step = policy.passed_over[place] = Step(policy.rules[place].rule.id, matched=False, failed=failed)
    return step


def _choice_json(choice: Choice, policy: AssignmentPolicy) -> bytes:
    """The members of an assignment between its id and its time."""
    whole = assignment_of(choice, policy, now="", assignment_id="")
    return orjson.dumps(whole)[len(b'{"assignment_id":""') : -len(b'"assigned_at":""}')]


def assignment_json(chosen: bytes, *, now: str, assignment_id: str) -> bytes:
    """An assignment as JSON, of what `Dealing` gave."""
    return b'{"assignment_id":"%b"%b"assigned_at":"%b"}' % (assignment_id.encode(), chosen, now.encode())


def assignment_of(choice: Choice, policy: AssignmentPolicy, *, now: str, assignment_id: str) -> Assignment:
    """The choice as events carry it."""
    return Assignment(
        assignment_id, choice.owner, choice.queue, choice.rule, choice.strategy, choice.reason, choice.trace,
        policy.used, now,
    )  # fmt: skip


def assign_by_hand(
    *, owner: str | None, queue: str | None, reason: str, policy: AssignmentPolicy, now: str, assignment_id: str
) -> Assignment:
    """An assignment that a person made. `reason` is that person's; exactly one of owner and queue is given."""
    return Assignment(assignment_id, owner, queue, MANUAL_RULE, "manual", reason, (), policy.used, now)


def without_words(assignment: str) -> str:
    """An assignment (JSON) without what a person wrote as its reason; one that a rule made has none."""
    read = orjson.loads(assignment)
    if not read or read.get("strategy") != "manual":
        return assignment
    return orjson.dumps({**read, "reason": ""}).decode()


def _fixed_owner(rule: AssignmentRule, tried: tuple[Step, ...], policy: AssignmentPolicy, roster: Roster) -> Choice:
    owner = rule.assign.owner
    standing = roster.standing(owner)
    if standing == "active":
        return Choice(owner, None, rule.id, "owner", RULE_MATCHED, (*tried, Step(rule.id, matched=True)))
    trace = (*tried, Step(rule.id, matched=True, skipped=(f"{owner}: {standing}",)))
    reason = OWNER_UNKNOWN if standing == "unknown" else OWNER_INACTIVE
    return Choice(None, policy.default_queue, rule.id, "default", reason, trace)


def _in_turn(
    rule: AssignmentRule,
    tried: tuple[Step, ...],
    policy: AssignmentPolicy,
    roster: Roster,
    rotations: Mapping[str, str | None],
) -> Choice:
    rotation = rule.rotation
    assert rotation is not None
    listed = rule.assign.turn_list
    order = listed if listed is not None else roster.queues.get(str(rule.assign.round_robin), ())
    owner, skipped = next_in_turn(order, rotations.get(rotation), roster)
    trace = (*tried, Step(rule.id, matched=True, skipped=skipped))
    if owner is None:
        return Choice(None, policy.default_queue, rule.id, "default", NOBODY_AVAILABLE, trace)
    return Choice(owner, None, rule.id, "round_robin", RULE_MATCHED, trace, Turn(rotation, owner))


def _refusal(compiled: CompiledRule[Any], facts: Facts) -> Step:
    failed = [describe_condition(verdict) for verdict in compiled.explain(facts).failed]
    return Step(compiled.rule.id, matched=False, failed=failed)


def describe_condition(verdict: ConditionVerdict) -> str:
    """The condition as the rule states it: `company.employees gte 1000`."""
    stated = f"{verdict.field} {verdict.operator} {_shown(verdict.expected)}"
    return f"not {stated}" if verdict.negated else stated


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        more = len(value) - _SHOWN_VALUES
        shown = ", ".join(map(_shown, value[:_SHOWN_VALUES]))
        return f"[{shown}, and {more} more]" if more > 0 else f"[{shown}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    return text if len(text) <= _SHOWN_TEXT else f"{text[:_SHOWN_TEXT]}…"
