"""Tests of assignment rules as data: a scored lead, and the owner or the queue that is expected.

kind: assignment-tests
members: [{id: ann, queues: [sales]}, {id: ben, queues: [sales]}]
cases:
  - name: Qualified leads go to sales in turn
    score: {grade: A}
    after: ann
    expect: {owner: ben, rule: qualified}
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from services.routing.domain.assignment import Choice, choose, match_rule
from services.routing.domain.catalogue import CATALOGUE, facts_of
from services.routing.domain.roster import Member, Roster
from services.routing.domain.rules import (
    AssignmentPolicy,
    AssignmentRules,
    MemberId,
    QueueName,
    compile_assignment_rules,
)
from shared.rules import ABSENT, FieldCatalogue, LoadedRules, RuleModel, Text
from shared.rules.cases import (
    MAX_CASES,
    Expectation,
    Given,
    Mismatch,
    RuleCase,
    RuleCases,
    compare_outcome,
    facts_given,
)


class CaseMember(RuleModel):
    """A member of the team that the cases suppose."""

    id: MemberId
    active: bool = True
    queues: tuple[QueueName, ...] = ()


class AssignmentExpectation(Expectation):
    """Who gets the lead, by which entry, and why."""

    owner: MemberId | None = Field(default=ABSENT)
    queue: QueueName | None = Field(default=ABSENT)
    rule: Text = Field(default=ABSENT)
    """The id of the entry that took the lead; `default` where none did."""
    reason: Text = Field(default=ABSENT)


class AssignmentCase(RuleCase):
    """A lead with its score. `after` is the member who had the turn before."""

    beside: ClassVar[tuple[str, ...]] = ("score",)

    score: Given = {}
    after: MemberId = Field(default=ABSENT)
    expect: AssignmentExpectation


class AssignmentCases(RuleCases):
    """The document."""

    catalogue: ClassVar[FieldCatalogue] = CATALOGUE

    kind: Literal["assignment-tests"]
    members: Annotated[tuple[CaseMember, ...], Field(max_length=10_000)] = ()
    cases: Annotated[tuple[AssignmentCase, ...], Field(min_length=1, max_length=MAX_CASES)]


def run_cases(loaded: LoadedRules[AssignmentRules], cases: AssignmentCases) -> list[Mismatch]:
    """What the rules do otherwise than the cases expect. Every case stands alone: no turn is taken by the one before."""
    policy = compile_assignment_rules(loaded.model, version=0, content_hash=loaded.content_hash)
    roster = Roster.of([Member(each.id, each.active, each.queues) for each in cases.members])
    wrong: list[Mismatch] = []
    for index, case in enumerate(cases.cases):
        choice = _choice(case, policy, roster)
        found = {"owner": choice.owner, "queue": choice.queue, "rule": choice.rule, "reason": choice.reason}
        wrong += compare_outcome(case, index, case.expect.stated(), found, _trace(choice))
    return wrong


def _choice(case: AssignmentCase, policy: AssignmentPolicy, roster: Roster) -> Choice:
    match = match_rule(facts_of(facts_given(case.lead), facts_given(case.score)), policy)
    rotations = {match.rotation: case.after} if match.rotation is not None else {}
    return choose(match, policy, roster, rotations)


def _trace(choice: Choice) -> str:
    """Which entries were tried, with what they missed."""
    refused = [f"{step.rule} wants {', '.join(step.failed)}" for step in choice.trace if not step.matched]
    skipped = [f"{step.rule} passes over {', '.join(step.skipped)}" for step in choice.trace if step.skipped]
    return "; ".join((*refused, *skipped, f"{choice.rule} took it"))
