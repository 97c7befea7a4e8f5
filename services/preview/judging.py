"""What one version of the rules says of one state of a lead: score, grade, the entry that assigns, whether the gate opens."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from services.conversion.domain.gate import Closed, check_gate
from services.preview.books import Rules
from services.routing.domain.assignment import find_match
from services.routing.domain.catalogue import facts_of
from services.routing.domain.roster import Roster
from services.routing.domain.rules import AssignmentRule
from services.scoring.domain.behaviour import Deed
from services.scoring.domain.scoring import weigh_at

LEAD: Final = "lead"
EXPIRED: Final = "expired"


class Did(NamedTuple):
    """What a lead had done by an instant, the newest first, and when its submission was received."""

    deeds: Sequence[Deed]
    now_ms: int
    came_ms: int


class Verdict(NamedTuple):
    """`entry` is the place of the assignment entry that holds, a negative one that of a requirement that does not, counted
    from -1; None: the default queue."""

    value: int
    grade: str
    entry: int | None
    opens: bool


class Judge:
    """Judges by one version of each kind of rules. Equal verdicts are one object."""

    def __init__(self, rules: Rules, roster: Roster) -> None:
        self.rules = rules
        policy = rules.policy
        self._places = {id(rule.rule): place for place, rule in enumerate(policy.rules)}
        self._places |= {id(each.rule): ~place for place, each in enumerate(policy.requirements)}
        self._holders = {None: {"queue": policy.default_queue}} | {
            place: _holder(compiled.rule, roster) for place, compiled in enumerate(policy.rules)
        }
        for place, each in enumerate(policy.requirements):
            self._holders[~place] = {"queue": each.rule.queue, "owner": None}
        self._known: dict[Verdict, Verdict] = {}

    def judge(self, lead: Mapping[str, Any], did: Did, *, is_target: bool) -> Verdict:
        """The verdict on a lead as `lead.captured` carries it, and on what it did. The gate never opens for a target."""
        now_ms, came_ms = did.now_ms, did.came_ms
        score = weigh_at(lead, self.rules.model, did.deeds, now_ms=now_ms, came_ms=came_ms, looks_ahead=False).score
        facts = facts_of(lead, score)
        match = find_match(facts, self.rules.policy)
        decided = match.rule or match.requirement
        entry = None if decided is None else self._places[id(decided)]
        opens = not is_target and self._opens({**facts, "assignment": self._holders[entry]})
        found = Verdict(score["value"], score["grade"], entry, opens)
        return self._known.setdefault(found, found)

    def _opens(self, facts: Mapping[str, Any]) -> bool:
        return not isinstance(check_gate(facts, self.rules.gate), Closed)


def _holder(rule: AssignmentRule, roster: Roster) -> dict[str, Any]:
    """Who has a lead that this entry gives, as a gate may ask. Of a rotation, one of those who take turns."""
    target = rule.assign
    if target.queue is not None or target.owner is not None:
        return {"queue": target.queue, "owner": target.owner}
    listed = target.turn_list
    order = listed if listed is not None else roster.queues.get(str(target.round_robin), ())
    return {"owner": next((member for member in order if roster.standing(member) == "active"), None), "queue": None}
