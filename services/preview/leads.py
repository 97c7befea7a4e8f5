"""What the rules would make of leads: the pure domains of scoring and routing, one after the other. Nothing is asked of
a service and nothing is stored; whoever calls brings the documents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from services.routing.domain.assignment import Match, choose, match_rule
from services.routing.domain.roster import Member, Roster
from services.routing.domain.rules import compile_assignment_rules, load_assignment_rules
from services.scoring.domain.model import load_scoring_model
from services.scoring.domain.scoring import compile_model, weigh
from shared.contracts.envelope import rfc3339


@dataclass(frozen=True, slots=True)
class RuleDocument:
    """A rule document, and the version that it was published as."""

    text: str
    version: int


class LeadPreview:
    """Score and owner of leads by one version of each kind of rules. Raises RuleFileError for documents that are none.

    Whose turn it is changes with every lead, so that for a rotation only the members who take turns are told.
    """

    def __init__(self, scoring: RuleDocument, assignment: RuleDocument, members: Sequence[Member]) -> None:
        self._model = compile_model(load_scoring_model(scoring.text), version=scoring.version)
        loaded = load_assignment_rules(assignment.text, file="assignment")
        self._policy = compile_assignment_rules(
            loaded.model, version=assignment.version, content_hash=loaded.content_hash
        )
        self._roster = Roster.of(members)

    def of(self, lead: Mapping[str, Any]) -> dict[str, Any]:
        """Of a lead as `lead.captured` carries it."""
        weighed = weigh(lead, self._model)
        score = weighed.json_at(rfc3339(datetime.now(UTC)))
        match = match_rule(self._policy.see(orjson.dumps(lead), score), self._policy)
        choice = choose(match, self._policy, self._roster, {})
        in_turn = self._in_turn(match) if choice.strategy == "round_robin" else None
        return {
            "score": weighed.score["value"],
            "grade": weighed.score["grade"],
            "temperature": weighed.score["temperature"],
            "owner": None if in_turn else choice.owner,
            "in_turn": in_turn,
            "queue": choice.queue,
            "rule": choice.rule,
            "reason": choice.reason,
        }

    def _in_turn(self, match: Match) -> list[str]:
        assert match.rule is not None
        target = match.rule.assign
        order = (
            target.turn_list if target.turn_list is not None else self._roster.queues.get(str(target.round_robin), ())
        )
        return [member for member in order if self._roster.standing(member) == "active"]
