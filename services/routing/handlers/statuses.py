"""Laying a lead aside, and taking it up again: out of everybody's work at once, with every reason kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import orjson

from services.routing.domain.assignment import lay_aside
from services.routing.domain.status import JUNK, OPEN, STATUSES, changed_work, status_of, with_work, work_of
from services.routing.handlers.events import STAGE, assignment_id_for, routed
from services.routing.handlers.giving import give_away
from services.routing.ports import RoutedLead, Tables
from shared.contracts.commands.capture import EraseLead, MarkLead
from shared.contracts.commands.routing import PurgeJunk, SetLeadStatus
from shared.contracts.ids import is_id
from shared.contracts.topics import CAPTURE_COMMANDS
from shared.handling.outcomes import InHand, Outcome, OutEvent, Produced, Skipped
from shared.handling.work import Work
from shared.messaging.commands import LONGEST_TEXT, Done, Refused, command_id_of, is_readable
from shared.observability.metrics import LEADS_ASSIGNED
from shared.persistence.commands import read_completed
from shared.persistence.timers import Timer, cancel_timers, set_timers, timer_id

PURGED: Final = "purged"
PURGED_BY: Final = "leadstream/routing/junk"
_UNKNOWN: Final = Refused("unknown_lead", "routing has no such lead")


@dataclass(frozen=True, slots=True)
class SetLeadStatuses:
    """Obeys `lead.set_status`. Refused: invalid_status, invalid_reason, unknown_lead, already_open.

    A lead that is laid aside goes to the holding queue of its status; one that is opened again is given away anew. The
    same status once more with another reason rewrites the reason: the one before stays in the history.
    """

    tables: Tables
    junk_kept: timedelta

    async def __call__(self, item: InHand, work: Work) -> Done | Refused:
        """See shared.messaging.commands.Obey."""
        if item.decision is not None:
            return await self._again(item, work)
        wanted: SetLeadStatus = item.event
        refusal = _fault(wanted)
        if refusal is not None:
            return refusal
        state = await self._lead(wanted.lead_id, work)
        if state is None:
            return _UNKNOWN
        if state.erased:
            return Refused("erased", "the lead's person was erased")
        if wanted.status == OPEN and status_of(state.assignment) == OPEN:
            return Refused("already_open", "nobody has laid this lead aside")
        moved = await self._moved(state, item, work)
        await self.tables.leads.update(work, [moved])
        await self._time(moved.lead_id, wanted.status, work)
        told = _told(moved) | {"before": status_of(state.assignment)}
        return Done(told, _tell(item, moved, told["before"], work.instant), subject=moved.lead_id)

    async def _moved(self, state: RoutedLead, item: InHand, work: Work) -> RoutedLead:
        wanted: SetLeadStatus = item.event
        assignment_id = assignment_id_for(item.record, state.lead_id)
        said = changed_work(
            work_of(state.assignment), wanted.status, reason=wanted.reason, author=wanted.requested_by, at=work.instant
        )
        if wanted.status == OPEN:
            reopened = state._replace(assignment=with_work(state.assignment, said))
            return await give_away(self.tables, reopened, assignment_id, work)
        policy = await self.tables.rules.read(work)
        queue = policy.holding[wanted.status]
        aside = lay_aside(queue, reason=wanted.status, policy=policy, now=work.instant, assignment_id=assignment_id)
        work.once_stored(LEADS_ASSIGNED.labels(strategy=aside.strategy).inc)
        return state.given_to(with_work(orjson.dumps(aside), said), owner=None, queue=queue, at=work.now)

    async def _time(self, lead_id: str, status: str, work: Work) -> None:
        """Junk is purged in time; whatever else a lead becomes, it is not."""
        if status == JUNK:
            due = work.now + self.junk_kept
            await set_timers(work, [Timer(PurgeJunk.TYPE, lead_id, due, {"lead_id": lead_id})])
        else:
            await cancel_timers(work, [timer_id(PurgeJunk.TYPE, lead_id)])

    async def _lead(self, lead_id: str, work: Work) -> RoutedLead | None:
        if not is_id(lead_id):
            return None
        found = (await self.tables.aliases.resolve(work, [lead_id])).get(lead_id, lead_id)
        return (await self.tables.leads.lock(work, [found])).get(found)

    async def _again(self, item: InHand, work: Work) -> Done:
        """A redelivery: the first answer, and the event with the newest state."""
        assert item.decision is not None
        subject = item.decision.subject or item.event.lead_id
        state = (await self.tables.leads.lock(work, [subject]))[subject]
        first = await read_completed(work, command_id_of(item.record))
        told = first["result"] if first else _told(state)
        return Done(told, _tell(item, state, told.get("before"), item.decision.decided_at), subject=subject)


@dataclass(frozen=True, slots=True)
class PurgeJunkDue:
    """The use case of `junk.purge`, which a lead's timer sends: whoever is still junk is erased, as everybody is."""

    tables: Tables

    async def __call__(self, items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        """`purged` with the command that erases; skipped where the lead was taken up again or merged away."""
        states = await self.tables.leads.lock(work, {item.event.lead_id for item in items})
        return [_purged(item, states.get(item.event.lead_id), work) for item in items]


def _purged(item: InHand, state: RoutedLead | None, work: Work) -> Outcome:
    lead_id: str = item.event.lead_id
    if item.decision is None and (state is None or state.erased or status_of(state.assignment) != JUNK):
        return Skipped("not_junk", subject=lead_id)
    at = item.decision.decided_at if item.decision is not None else work.instant
    return Produced(PURGED, (_erasure(item, lead_id, at),), subject=lead_id)


def _tell(item: InHand, state: RoutedLead, before: str | None, at: str) -> tuple[OutEvent, ...]:
    """The lead as it stands, and, of junk, what keeps journeys from writing to it."""
    told = routed(item.record, state, time=at)
    if (item.event.status == JUNK) == (before == JUNK):
        return (told,)
    return told, _mark(item, state.lead_id, "junk" if item.event.status == JUNK else "not_junk", at)


def _mark(item: InHand, lead_id: str, mark: str, at: str) -> OutEvent:
    wanted: SetLeadStatus = item.event
    said = MarkLead(lead_id=lead_id, mark=mark, said_at=at, reason=wanted.reason, requested_by=wanted.requested_by)
    return _to_capture(item, MarkLead.TYPE, lead_id, said.model_dump_json().encode(), at)


def _erasure(item: InHand, lead_id: str, at: str) -> OutEvent:
    data = {"lead_id": lead_id, "reason": "retention", "requested_by": PURGED_BY, "purged": JUNK}
    return _to_capture(item, EraseLead.TYPE, lead_id, orjson.dumps(data), at)


def _to_capture(item: InHand, command: str, lead_id: str, data: bytes, at: str) -> OutEvent:
    command_id = STAGE.event_id(item.record, command, lead_id)
    return STAGE.event(
        item.record, command, topic=CAPTURE_COMMANDS, key=lead_id, data=data, time=at,
        subject=command_id, event_id=command_id,
    )  # fmt: skip


def _told(state: RoutedLead) -> dict[str, Any]:
    return {
        "lead_id": state.lead_id,
        "status": status_of(state.assignment),
        "owner": state.owner,
        "queue": state.queue,
        "assignment_version": state.assignment_version,
    }


def _fault(wanted: SetLeadStatus) -> Refused | None:
    if wanted.status not in STATUSES:
        return Refused("invalid_status", f"a status is one of {', '.join(STATUSES)}")
    if not is_readable(wanted.reason):
        return Refused("invalid_reason", f"a reason has 1 to {LONGEST_TEXT} printable characters")
    return None
