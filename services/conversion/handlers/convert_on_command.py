"""`lead.convert`: somebody wants this lead converted now. A second request gets the first answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from services.conversion.domain.changing import is_currency
from services.conversion.domain.converting import Converted, Wanted, opportunity_id_of
from services.conversion.domain.gate import Closed, judge
from services.conversion.domain.leads import LeadState
from services.conversion.domain.money import parse_amount
from services.conversion.handlers.converting import Converting, converted_event_id, events_of
from services.conversion.ports import Gates, Leads, Sales
from shared.contracts.commands.sales import ConvertLead
from shared.contracts.ids import is_id
from shared.handling.outcomes import InHand
from shared.handling.work import Work
from shared.messaging.commands import Done, Refused
from shared.persistence.aliases import resolve

BY_COMMAND: Final = "command"
_UNKNOWN: Final = Refused("unknown_lead", "Conversion knows no lead of this id (yet): it is known once it is routed.")


@dataclass(frozen=True, slots=True)
class ConvertOnCommand:
    """Obeys `lead.convert`: whatever the score, but never without the gate's identity facts."""

    gates: Gates
    leads: Leads
    sales: Sales
    converting: Converting

    async def __call__(self, item: InHand, work: Work) -> Done | Refused:
        """Done with the ids, `already_converted` where another request or the gate was first; refused: unknown_lead,
        identity_missing, invalid_amount, invalid_currency."""
        wanted: ConvertLead = item.event
        state = await self._lock(wanted.lead_id, work)
        if state is None:
            return _UNKNOWN
        if state.opportunity_id is None and state.erased:
            return Refused("erased", "The lead's person was erased.")
        if state.opportunity_id is not None:
            return await self._first_answer(state.opportunity_id, item, work)
        return await self._convert(state, item, work)

    async def _lock(self, lead_id: str, work: Work) -> LeadState | None:
        """The lead, or the one that it was merged into, locked."""
        if not is_id(lead_id):
            return None
        survivor = (await resolve(work, [lead_id])).get(lead_id, lead_id)
        states = await self.leads.lock(work, [survivor])
        merged_meanwhile = (await resolve(work, [survivor])).get(survivor)
        if merged_meanwhile is not None:
            return (await self.leads.lock(work, [merged_meanwhile])).get(merged_meanwhile)
        return states.get(survivor)

    async def _first_answer(self, opportunity_id: str, item: InHand, work: Work) -> Done:
        first = (await self.sales.conversions_of(work, [opportunity_id]))[opportunity_id]
        lead_id = first.opportunity.lead_id
        by_this = first.conversion.event_id == converted_event_id(item.record, opportunity_id)
        if by_this and item.decision is not None:  # redelivered: the same events go out again
            events = events_of(first, item.record, item.decision.decided_at)
            return Done(_answer(first, already=False), events, subject=lead_id)
        return Done(_answer(first, already=True), subject=lead_id)

    async def _convert(self, state: LeadState, item: InHand, work: Work) -> Done | Refused:
        wanted: ConvertLead = item.event
        amount = parse_amount(wanted.amount)
        if wanted.amount is not None and amount is None:
            return Refused("invalid_amount", "The amount must be decimal text, not negative, such as 50000.00.")
        if wanted.currency is not None and not is_currency(wanted.currency):
            return Refused("invalid_currency", "The currency must be three capital letters (ISO 4217).")
        assert state.routed is not None  # a lead that is not converted is kept whole
        gate = await self.gates.read(work)
        passage = judge(gate.see(state.routed), gate, identity_only=True)
        if isinstance(passage, Closed):
            return Refused("identity_missing", _missing(passage.missing))
        state.opportunity_id = opportunity_id_of(state.lead_id)
        event_id = converted_event_id(item.record, state.opportunity_id)
        one = Wanted(state, BY_COMMAND, event_id, passage.met, gate.rules, amount, wanted.currency)
        await self.leads.update(work, [state])
        (converted,) = await self.converting.convert([one], work)
        events = events_of(converted, item.record, work.instant)
        return Done(_answer(converted, already=False), events, subject=state.lead_id)


def _missing(names: Sequence[str]) -> str:
    return f"Conversion needs {', '.join(names)}."


def _answer(converted: Converted, *, already: bool) -> dict[str, Any]:
    opportunity = converted.opportunity
    return {
        "conversion_id": opportunity.conversion_id,
        "lead_id": opportunity.lead_id,
        "account_id": opportunity.account_id,
        "contact_id": opportunity.contact_id,
        "opportunity_id": opportunity.opportunity_id,
        "already_converted": already,
    }
