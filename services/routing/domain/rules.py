"""The assignment rules as a document: what a lead must have, ordered entries of which the first match wins, a default queue.

kind: assignment
queues: {sales: {}, unassigned: {}, incomplete: {}}
default: {queue: unassigned}
requirements:
  - {id: country, name: a country, field: address.country, queue: incomplete, when: {field: address.country, exists: true}}
rules:
  - id: qualified
    when: {field: score.grade, in: [A, B]}
    assign: {round_robin: sales}
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from services.routing.domain.catalogue import CATALOGUE, WHOLES, reader_of_facts
from services.routing.domain.status import LAID_ASIDE
from shared.rules import (
    ABSENT,
    CompiledRule,
    Condition,
    Facts,
    LoadedRules,
    Rule,
    RuleFault,
    RuleIndex,
    RuleModel,
    RuleSetHeader,
    Text,
    compile_rules,
    expected,
    fields_asked,
    load_rule_document,
)
from shared.rules.conditions import FieldPath

KIND: Final = "assignment"
MAX_LISTED_MEMBERS: Final = 1000
# Rule names that assignments carry without an entry of the document.
DEFAULT_RULE: Final = "default"
MANUAL_RULE: Final = "manual"
HOLDING_RULE: Final = "holding"
# Queues that hold what nobody works on: targets, those that never responded, and leads that were laid aside. A document
# may name others.
HOLDING: Final = ("targets", "expired", *LAID_ASIDE)

_QUEUE: Final = re.compile(r"^[a-z0-9][a-z0-9_.-]{0,63}$")
_MEMBER: Final = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")


def is_queue_name(text: str) -> bool:
    """Whether a text may name a queue: 1 to 64 small letters, digits, dots, dashes, underscores."""
    return _QUEUE.fullmatch(text) is not None


def is_member_id(text: str) -> bool:
    """Whether a text may be a member's id: 1 to 64 letters, digits, dots, dashes, underscores."""
    return _MEMBER.fullmatch(text) is not None


def _require_queue(value: Any) -> Any:
    if isinstance(value, str) and not is_queue_name(value):
        raise expected("a queue: 1 to 64 small letters, digits, dots, dashes or underscores")
    return value


def _require_member(value: Any) -> Any:
    if isinstance(value, str) and not is_member_id(value):
        raise expected("a member's id: 1 to 64 letters, digits, dots, dashes or underscores")
    return value


QueueName = Annotated[str, BeforeValidator(_require_queue), Field(pattern=_QUEUE.pattern)]
MemberId = Annotated[str, BeforeValidator(_require_member), Field(pattern=_MEMBER.pattern)]
MemberList = Annotated[tuple[MemberId, ...], Field(min_length=1, max_length=MAX_LISTED_MEMBERS)]


class Queue(RuleModel):
    """A pool of leads without an owner. Its members are rows, set with `PUT /v1/members/{id}`."""

    description: Annotated[str, Field(max_length=1000)] | None = None


class DefaultQueue(RuleModel):
    """Where a lead goes that no entry takes, or whose owner is not there."""

    queue: QueueName


class HoldingQueues(RuleModel):
    """Where leads are that nobody works on. Absent: a queue of the same name, which need not be declared."""

    targets: QueueName = "targets"
    expired: QueueName = "expired"
    junk: QueueName = "junk"
    nurturing: QueueName = "nurturing"
    marketing: QueueName = "marketing"
    disqualified: QueueName = "disqualified"


class Target(RuleModel):
    """Who gets the lead: exactly one of a fixed owner, a queue, or members in turn."""

    owner: MemberId = Field(default=ABSENT)
    queue: QueueName = Field(default=ABSENT)
    round_robin: QueueName | MemberList = Field(default=ABSENT)
    """A queue (its members in turn, by id) or a list of members (in turn, as written)."""

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise expected("exactly one of owner, queue or round_robin")
        return self

    @property
    def turn_list(self) -> tuple[str, ...] | None:
        """The members of a written rotation; None where the rotation is a queue's or there is none."""
        return self.round_robin if isinstance(self.round_robin, tuple) else None


class AssignmentRule(Rule):
    """One entry: when it holds, the lead goes to its target and no later entry is tried."""

    assign: Target

    @property
    def rotation(self) -> str | None:
        """The name of the rotation that this entry moves; entries with the same queue share one."""
        if self.assign.round_robin is None:
            return None
        listed = self.assign.turn_list
        return f"rule/{self.id}" if listed is not None else f"queue/{self.assign.round_robin}"


class Requirement(Rule):
    """What must hold of a lead before any entry is tried. One that does not hold puts it into a queue until its next
    version."""

    name: Text
    """What people read when it does not hold, such as `a country`."""
    field: FieldPath
    """What has to be mended."""
    queue: QueueName
    when: Condition
    """What must hold."""


class AssignmentRules(RuleSetHeader):
    """The document. Entries that can never be reached are warned about."""

    first_match: ClassVar[tuple[str, ...]] = ("rules",)

    kind: Literal["assignment"]
    name: Annotated[str, Field(min_length=1, max_length=64, pattern=_QUEUE.pattern)] = KIND
    queues: Annotated[dict[QueueName, Queue], Field(min_length=1, max_length=1000)]
    default: DefaultQueue = Field(default=ABSENT)
    """Mandatory: every lead has an owner, or is in a queue."""
    holding: HoldingQueues = HoldingQueues()
    requirements: Annotated[tuple[Requirement, ...], Field(max_length=1000)] = ()
    """Tried in order before the entries; the first that does not hold decides."""
    rules: Annotated[tuple[AssignmentRule, ...], Field(max_length=10_000)] = ()

    def find_faults(self) -> Iterable[RuleFault]:
        """The mandatory default, queues and fields that are not known, reserved or double ids, members listed twice."""
        yield from self._default_faults()
        for index, requirement in enumerate(self.requirements):
            yield from self._requirement_faults(requirement, ("requirements", index))
        for index, rule in enumerate(self.rules):
            yield from self._entry_faults(rule, ("rules", index))

    def _default_faults(self) -> Iterator[RuleFault]:
        if self.default is None:
            hint = "add `default: {queue: NAME}` with a queue that stands under queues"
            yield RuleFault(("default",), "a default queue, so that no lead is ever without owner and queue", hint)
        else:
            yield from self._queue_faults(self.default.queue, ("default", "queue"))

    def _requirement_faults(self, requirement: Requirement, path: tuple[str | int, ...]) -> Iterator[RuleFault]:
        yield from self._id_faults(requirement.id, path)
        if any(rule.id == requirement.id for rule in self.rules):
            yield RuleFault((*path, "id"), "an id that no entry of rules has", None, "a duplicate")
        yield from self._queue_faults(requirement.queue, (*path, "queue"))
        fault = CATALOGUE.find_given_fault(requirement.field, None)
        if fault is not None and requirement.field not in WHOLES:
            yield RuleFault((*path, "field"), fault.expected, fault.hint, fault.found_kind)

    def _id_faults(self, rule_id: str, path: tuple[str | int, ...]) -> Iterator[RuleFault]:
        if rule_id in (DEFAULT_RULE, MANUAL_RULE, HOLDING_RULE):
            hint = "default, manual and holding name assignments that no entry made"
            yield RuleFault((*path, "id"), "another id", hint, "a reserved one")

    def _entry_faults(self, rule: AssignmentRule, path: tuple[str | int, ...]) -> Iterator[RuleFault]:
        yield from self._id_faults(rule.id, path)
        for key in ("queue", "round_robin"):
            target = getattr(rule.assign, key)
            if isinstance(target, str):
                yield from self._queue_faults(target, (*path, "assign", key))
        listed = rule.assign.turn_list or ()
        if len(set(listed)) != len(listed):
            yield RuleFault((*path, "assign", "round_robin"), "members that are listed once", None, "a duplicate")

    def _queue_faults(self, queue: str, path: tuple[str | int, ...]) -> Iterator[RuleFault]:
        if queue not in self.queues:
            hint = f"queues: {', '.join(list(self.queues)[:20])}; others are declared there first"
            yield RuleFault(path, "a queue that stands under queues", hint, "an unknown one")


@dataclass(frozen=True, slots=True)
class AssignmentPolicy:
    """The rules of one published version, compiled. `used` is what assignments say about them; `see` reads of the JSON of
    a lead and its score the facts that they ask about."""

    requirements: tuple[CompiledRule[Requirement], ...]
    rules: tuple[CompiledRule[AssignmentRule], ...]
    queues: frozenset[str]
    default_queue: str
    holding: Mapping[str, str]
    used: Mapping[str, Any]
    index: RuleIndex[Any]
    see: Callable[[bytes, bytes], Facts]
    passed_over: dict[int, Any] = field(default_factory=dict)
    """What the trace says of entries that were passed over, by their places, once it was needed."""


def load_assignment_rules(text: str | bytes, file: str) -> LoadedRules[AssignmentRules]:
    """Reads and checks a document. Raises RuleFileError with file, line and what was expected."""
    return load_rule_document(text, AssignmentRules, file=file, catalogue=CATALOGUE)


def compile_assignment_rules(document: AssignmentRules, *, version: int, content_hash: str) -> AssignmentPolicy:
    """The policy of a checked document that was published under `version`."""
    used = {"kind": KIND, "name": document.name, "version": version, "content_hash": content_hash}
    conditions = [each.when for each in (*document.requirements, *document.rules)]
    return AssignmentPolicy(
        compile_rules(document.requirements),
        compile_rules(document.rules),
        frozenset(document.queues),
        document.default.queue,
        document.holding.model_dump(),
        used,
        RuleIndex([rule.when for rule in document.rules], beside=[each.when for each in document.requirements]),
        reader_of_facts(fields_asked(conditions)),
    )


def owners_named(document: AssignmentRules) -> tuple[str, ...]:
    """Every member that the entries name themselves, in order."""
    named: dict[str, None] = {}
    for rule in document.rules:
        if rule.assign.owner is not None:
            named[rule.assign.owner] = None
        named.update(dict.fromkeys(rule.assign.turn_list or ()))
    return tuple(named)
