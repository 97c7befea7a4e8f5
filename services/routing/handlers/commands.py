"""What people ask of routing: other rules, other members, another owner."""

import orjson

from services.routing.domain.assignment import assign_by_hand
from services.routing.domain.roster import Roster
from services.routing.domain.rules import (
    AssignmentPolicy,
    AssignmentRules,
    is_member_id,
    owners_named,
)
from services.routing.domain.status import OPEN, status_of, with_work, work_of
from services.routing.handlers.events import assignment_id_for, routed
from services.routing.ports import RoutedLead, Tables
from shared.contracts.commands.routing import ReassignLead, SetMember
from shared.contracts.ids import is_id
from shared.handling.outcomes import InHand
from shared.handling.records import Record
from shared.handling.work import Work
from shared.messaging.commands import LONGEST_TEXT, Done, Refused, command_id_of, is_readable
from shared.observability.metrics import LEADS_ASSIGNED
from shared.persistence.commands import read_completed

_MOST_QUEUES = 1000


class RoutingCommands:
    """The use cases of `routing.commands.v1`."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def set_member(self, item: InHand, work: Work) -> Done | Refused:
        """Create or replace a member. Refused: an id that is none, unreadable texts, queues that are not declared."""
        wanted: SetMember = item.event
        result = {"member_id": wanted.member_id, "active": wanted.active, "queues": wanted.queues}
        if item.decision is not None:
            return Done(result)
        policy = await self._tables.rules.read(work)
        refusal = _member_fault(wanted, policy)
        if refusal is not None:
            return refusal
        await self._tables.members.save(work, wanted.member_id, wanted.name, wanted.queues, active=wanted.active)
        return Done(result)

    async def reassign_lead(self, item: InHand, work: Work) -> Done | Refused:
        """Give a lead to a member or a queue. The newest state goes out with the next assignment version."""
        if item.decision is not None:
            return await self._reassigned_again(item, work)
        wanted: ReassignLead = item.event
        policy = await self._tables.rules.read(work)
        refusal = _reassignment_fault(wanted, policy, await self._tables.members.roster(work))
        state = await self._lead(wanted.lead_id, work) if refusal is None else None
        if refusal is not None or state is None:
            return refusal or Refused("unknown_lead", "routing has no such lead")
        if state.erased:
            return Refused("erased", "the lead's person was erased")
        if (status := status_of(state.assignment)) != OPEN:
            return Refused("laid_aside", f"this lead is {status}: open it again first")
        moved = _by_hand(state, wanted, policy, item.record, work)
        await self._tables.leads.update(work, [moved])
        work.once_stored(LEADS_ASSIGNED.labels(strategy="manual").inc)
        event = routed(item.record, moved, time=work.instant)
        return Done(_held(moved), (event,), subject=moved.lead_id)

    async def _lead(self, lead_id: str, work: Work) -> RoutedLead | None:
        if not is_id(lead_id):
            return None
        found = (await self._tables.aliases.resolve(work, [lead_id])).get(lead_id, lead_id)
        return (await self._tables.leads.lock(work, [found])).get(found)

    async def _reassigned_again(self, item: InHand, work: Work) -> Done:
        """A redelivery: the first answer, and the event with the newest state."""
        assert item.decision is not None
        subject = item.decision.subject or item.event.lead_id
        state = (await self._tables.leads.lock(work, [subject]))[subject]
        first = await read_completed(work, command_id_of(item.record))
        event = routed(item.record, state, time=item.decision.decided_at)
        return Done(first["result"] if first else _held(state), (event,), subject=subject)

    async def find_gaps(self, document: AssignmentRules, work: Work) -> list[str]:
        """What the document leaves open with the members and leads of today."""
        roster = await self._tables.members.roster(work)
        missing = [owner for owner in owners_named(document) if roster.standing(owner) == "unknown"]
        # Marketing works on what it is given; in the other holding queues nobody does.
        declared = {*document.queues, *document.holding.model_dump(exclude={"marketing"}).values()}
        left = [queue for queue in await self._tables.leads.queues_in_use(work) if queue not in declared]
        return [
            *(f"{owner} is no member: its leads go to the default queue" for owner in missing),
            *(f"the queue {queue} still holds leads and is declared no more" for queue in left),
        ]


def _member_fault(wanted: SetMember, policy: AssignmentPolicy) -> Refused | None:
    if not is_member_id(wanted.member_id):
        return Refused("invalid_member_id", "1 to 64 letters, digits, dots, dashes or underscores")
    if not is_readable(wanted.name):
        return Refused("invalid_name", f"1 to {LONGEST_TEXT} printable characters")
    if len(wanted.queues) > _MOST_QUEUES or not policy.queues.issuperset(wanted.queues):
        return Refused("unknown_queue", _declared(policy))
    return None


def _reassignment_fault(wanted: ReassignLead, policy: AssignmentPolicy, roster: Roster) -> Refused | None:
    if (wanted.owner is None) == (wanted.queue is None):
        return Refused("owner_or_queue", "exactly one of owner and queue is needed")
    if not is_readable(wanted.reason):
        return Refused("invalid_reason", f"1 to {LONGEST_TEXT} printable characters")
    if wanted.queue is not None:
        return None if wanted.queue in policy.queues else Refused("unknown_queue", _declared(policy))
    match roster.standing(wanted.owner or ""):
        case "unknown":
            return Refused("unknown_member", "the owner is not a member")
        case "inactive":
            return Refused("inactive_member", "the owner is not active")
        case "active":
            return None


def _declared(policy: AssignmentPolicy) -> str:
    return f"declared queues: {', '.join(sorted(policy.queues)[:50])}"


def _by_hand(
    state: RoutedLead, wanted: ReassignLead, policy: AssignmentPolicy, cause: Record, work: Work
) -> RoutedLead:
    assignment = assign_by_hand(
        owner=wanted.owner,
        queue=wanted.queue,
        reason=wanted.reason,
        policy=policy,
        now=work.instant,
        assignment_id=assignment_id_for(cause, state.lead_id),
    )
    kept = with_work(orjson.dumps(assignment), work_of(state.assignment))
    return state.given_to(kept, owner=wanted.owner, queue=wanted.queue, at=work.now)


def _held(state: RoutedLead) -> dict[str, object]:
    version = state.assignment_version
    return {"lead_id": state.lead_id, "owner": state.owner, "queue": state.queue, "assignment_version": version}
