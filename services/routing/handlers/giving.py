"""One lead given away by the rules, outside of a batch of scored leads: as a new lead is; a target is held."""

import orjson

from services.routing.domain.assignment import Dealing, assignment_json, find_match, hold_target
from services.routing.domain.inbound import EXPIRED, LEAD
from services.routing.domain.status import with_work, work_of
from services.routing.ports import RoutedLead, Tables
from shared.handling.work import Work
from shared.observability.metrics import LEADS_ASSIGNED


def is_target(lead: bytes) -> bool:
    """Whether a lead, as JSON, is a target, or one that never responded."""
    return bool(orjson.loads(lead).get("state", LEAD) != LEAD)


async def give_away(tables: Tables, state: RoutedLead, assignment_id: str, work: Work) -> RoutedLead:
    """The state with its next assignment; what was said of the work on the lead stays."""
    policy, said = await tables.rules.read(work), orjson.loads(state.lead).get("state", LEAD)
    if said != LEAD:
        choice, chosen = hold_target(policy, expired=said == EXPIRED)
    else:
        match = find_match(policy.see(state.lead, state.score), policy)
        needed = {match.rotation} if match.rotation is not None else set()
        rotations = await tables.rotations.lock(work, needed)
        dealing = Dealing(policy, await tables.members.roster(work), rotations)
        choice, chosen = dealing.give(match)
        await tables.rotations.save(work, dealing.turns.values())
    assignment = assignment_json(chosen, now=work.instant, assignment_id=assignment_id)
    work.once_stored(LEADS_ASSIGNED.labels(strategy=choice.strategy).inc)
    kept = with_work(assignment, work_of(state.assignment))
    return state.given_to(kept, owner=choice.owner, queue=choice.queue, at=work.now)
