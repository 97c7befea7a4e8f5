"""Commands about one lead that no submission tells: it cannot be reached, it has responded."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from services.capture.behaviour_ports import BehaviourBook
from services.capture.domain.behaviour.humanity import is_in_burst
from services.capture.domain.behaviour.reading import instant_us
from services.capture.domain.consent import parse_moment, statements_of
from services.capture.domain.fact_shape import Facts, LeadFacts, Stamp
from services.capture.domain.identity import IdentityKey, digest_of
from services.capture.domain.lifecycle import (
    CHANNELS,
    LEAD,
    MARKS,
    Channel,
    Mark,
    as_lead,
    lifecycle_fields,
    marked,
    refusals_of,
    state_of,
    units_of_mark,
)
from services.capture.domain.people import stamp_of_record
from services.capture.domain.person import Person
from services.capture.domain.thinning import MARK
from services.capture.handlers.events import lead_changed
from services.capture.ports import ConsentBook, ErasureBook, LeadBook, TargetBook
from shared.contracts.commands.capture import MarkLead, PromoteLead
from shared.contracts.ids import is_id
from shared.handling.outcomes import InHand
from shared.handling.records import Record
from shared.handling.work import Work
from shared.messaging.commands import LONGEST_TEXT, Done, Refused, command_id_of, is_readable
from shared.persistence.commands import read_completed
from shared.persistence.timers import take_timers

_NOBODY: Final = "leadstream/capture"
CONTACTABILITY: Final = "contactability"
PROMOTED: Final = "promoted"
_MACHINE: Final = Refused("machine_burst", "a machine clicked the links of the message, and nobody has responded")
_UNKNOWN: Final = Refused("unknown_lead", "there is no such lead")
_ERASED: Final = Refused("lead_erased", "this person was erased")


@dataclass(frozen=True, slots=True)
class MarkLeads:
    """Obeys `lead.mark`. Refused: invalid_mark, invalid_channel, invalid_time, invalid_reason, unknown_lead,
    lead_erased."""

    leads: LeadBook
    erasures: ErasureBook
    consents: ConsentBook

    async def __call__(self, item: InHand, work: Work) -> Done | Refused:
        """See shared.messaging.commands.Obey."""
        wanted: MarkLead = item.event
        refusal = _mark_fault(wanted) or _reason_fault(wanted.reason)
        if refusal is not None:
            return refusal
        mark, channel = _mark_of(wanted)

        def change(facts: LeadFacts) -> LeadFacts:
            units = units_of_mark(facts, mark, channel, work.instant, _meant(wanted.address))
            refused = refusals_of(mark, channel)
            stamp = stamp_of_mark(item.record, wanted.said_at)
            return marked(facts, stamp, units, cast(Facts, {"c": refused}) if refused else None)

        person = await change_lead(self.leads, self.erasures, item, work, change)
        if isinstance(person, Refused):
            return person
        if item.decision is None and (refused := refusals_of(mark, channel)):
            await self._note(refused, person, item, work)
        details = {"mark": mark, "channel": channel}
        return changed(item, person, CONTACTABILITY, details, work)

    async def _note(self, refused: Mapping[str, bool], person: Person, item: InHand, work: Work) -> None:
        """Who opts out refuses: a statement of consent like every other."""
        wanted: MarkLead = item.event
        evidence = {} if wanted.said_at is None else {"at": parse_moment(wanted.said_at)}
        said = cast(Facts, {"c": refused, "k": evidence})
        of_lead, at = (person.lead_id, item.record.event_id), item.record.timestamp * 1000
        source = wanted.requested_by or _NOBODY
        await self.consents.add(work, list(statements_of(said, *of_lead, received_us=at, source=source)))


@dataclass(frozen=True, slots=True)
class PromoteLeads:
    """Obeys `lead.promote`; whoever is a lead stays as they are, version and all. Refused: invalid_reason, unknown_lead,
    lead_erased, machine_burst."""

    leads: LeadBook
    erasures: ErasureBook
    targets: TargetBook
    behaviours: BehaviourBook

    async def __call__(self, item: InHand, work: Work) -> Done | Refused:
        """See shared.messaging.commands.Obey."""
        refusal = _reason_fault(item.event.reason)
        if refusal is None and item.decision is None:
            refusal = await self._by_click(item.event, work)
        if refusal is not None:
            return refusal
        person = await change_lead(self.leads, self.erasures, item, work, as_lead, only_if=_is_target)
        if isinstance(person, Refused):
            return person
        if item.decision is None:
            await self.targets.remove(work, [person.lead_id])
        answer = changed(item, person, PROMOTED, {}, work)
        if person.changed or await _was_promoted(item, work):
            return answer
        return Done({**answer.result, "promoted": False}, subject=answer.subject)

    async def _by_click(self, wanted: PromoteLead, work: Work) -> Refused | None:
        """Whether the click by which somebody responded was one of a burst, which is seen only after it. The timer that
        waited for that is used up."""
        if wanted.timer_id is not None and wanted.generation is not None:
            await take_timers(work, [(wanted.timer_id, wanted.generation)])
        if wanted.message is None or wanted.clicked_us is None:
            return None
        clicks = await self.behaviours.clicks(work, [wanted.message])
        return _MACHINE if is_in_burst(wanted.clicked_us, [at for _, at in clicks]) else None


def _is_target(facts: LeadFacts) -> bool:
    return state_of(facts) != LEAD


async def _was_promoted(item: InHand, work: Work) -> bool:
    """Whether a redelivered command made a lead of a target when it was obeyed."""
    if item.decision is None:
        return False
    first = await read_completed(work, command_id_of(item.record))
    return first is not None and bool(first["result"].get("promoted", True))


async def change_lead(
    leads: LeadBook,
    erasures: ErasureBook,
    item: InHand,
    work: Work,
    change: Callable[[LeadFacts], LeadFacts],
    *,
    only_if: Callable[[LeadFacts], bool] = lambda _: True,
) -> Person | Refused:
    """The lead that a command names with its facts changed and stored; on a redelivery, and where nothing is to be
    changed, as it stands."""
    lead_id = item.event.lead_id
    if not is_id(lead_id):
        return _UNKNOWN
    if item.decision is not None:
        found = await leads.load_leads(work, [item.decision.subject or lead_id])
        return found.get(item.decision.subject or lead_id, _UNKNOWN)
    person = (await leads.lock_leads(work, [lead_id])).get(lead_id)
    if person is None:
        return _UNKNOWN
    if await erasures.is_erased(work, [person.lead_id]):
        return _ERASED
    if only_if(person.facts):
        person.become(change)
        await leads.save_leads(work, [person])
    return person


def changed(item: InHand, person: Person, change: str, details: dict[str, Any], work: Work) -> Done:
    """The answer to a command that changed a lead, and the event that tells."""
    wanted: MarkLead | PromoteLead = item.event
    at = item.decision.decided_at if item.decision is not None else work.instant
    event = lead_changed(
        item.record, person, change, reason=wanted.reason, author=wanted.requested_by, details=details, at=at
    )
    known = lifecycle_fields(person.facts)
    result = {
        "lead_id": person.lead_id,
        "lead_version": person.version,
        "state": state_of(person.facts),
        "contactable": known.get("contactable", {}),
    }
    return Done(result, (event,), subject=person.lead_id)


def stamp_of_mark(record: Record, said_at: str | None = None) -> Stamp:
    """The stamp of what a command tells of a lead: in time like a submission's, but no touch. What was known before the
    command counts from then: what the person said since stands."""
    stamp = stamp_of_record(record.timestamp, record.partition, record.offset, record.event_id)
    known_us = None if said_at is None else instant_us(said_at)
    received_us = stamp.received_us if known_us is None else min(known_us, stamp.received_us)
    return Stamp(received_us, MARK + stamp.record_id)


def _meant(address: str | None) -> Callable[[Channel, str], bool] | None:
    """Whether a normalised address or number is the one of which a command tells the digest."""
    if address is None:
        return None
    return lambda channel, value: bool(value) and digest_of(IdentityKey(channel, value)) == address


def _mark_of(wanted: MarkLead) -> tuple[Mark, Channel | None]:
    mark = cast(Mark, wanted.mark)
    return mark, MARKS[mark] or cast(Channel | None, wanted.channel)


def _mark_fault(wanted: MarkLead) -> Refused | None:
    if wanted.mark not in MARKS:
        return Refused("invalid_mark", f"a mark is one of {', '.join(MARKS)}")
    only = MARKS[cast(Mark, wanted.mark)]
    if wanted.said_at is not None and instant_us(wanted.said_at) is None:
        return Refused("invalid_time", "`said_at` is a date and time such as 2026-01-05T10:00:00Z")
    if wanted.channel is not None and wanted.channel not in CHANNELS:
        return Refused("invalid_channel", f"a channel is one of {', '.join(CHANNELS)}")
    if only is not None and wanted.channel not in (None, only):
        return Refused("invalid_channel", f"{wanted.mark} is said of {only} only")
    return None


def _reason_fault(reason: str) -> Refused | None:
    if is_readable(reason):
        return None
    return Refused("invalid_reason", f"a reason has 1 to {LONGEST_TEXT} printable characters")
