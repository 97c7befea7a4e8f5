"""Leads as routed: the newest state is kept, the gate is asked, and whoever passes is converted, once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from services.conversion.domain.converting import Wanted, opportunity_id_of
from services.conversion.domain.gate import Closed, Gate, Passage, Seen, judge
from services.conversion.domain.leads import LeadState
from services.conversion.handlers.converting import Converting, converted_event_id, events_of
from services.conversion.handlers.reading import read_routed
from services.conversion.ports import Gates, Leads, Sales
from shared.handling.outcomes import InHand, Outcome, Produced, Rejected, Skipped
from shared.handling.work import Work
from shared.persistence.aliases import resolve_at, survivor_at

CONVERTED: Final = "converted"
GATE_CLOSED: Final = "gate_closed"
BY_GATE: Final = "gate"
_UNASKED: Final = Closed(())


@dataclass(slots=True)
class _Newest:
    """A lead's newest parts in this batch, the last record that brought one, which is the one that decides, and what
    the gate says of them."""

    state: LeadState
    item: InHand
    passage: Passage = _UNASKED
    others: list[InHand] = field(default_factory=list)

    def ask(self, gate: Gate, seen: Seen) -> None:
        """Ask the gate: a lead that may pass has its opportunity from now on."""
        self.passage = judge(seen, gate)
        passes = not isinstance(self.passage, Closed)
        self.state.opportunity_id = opportunity_id_of(self.state.lead_id) if passes else None

    def ask_again(self, gate: Gate) -> None:
        """Ask about parts that came together from several records."""
        assert self.state.routed is not None
        self.ask(gate, gate.see(self.state.routed))


@dataclass(frozen=True, slots=True)
class ConvertLeads:
    """The use case of `lead.routed`. It reads the values itself (`reading.py`)."""

    gates: Gates
    leads: Leads
    sales: Sales
    converting: Converting

    async def __call__(self, items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        """`converted`, `gate_closed` with what is missing, skipped: superseded, merged_away, already_converted; or
        rejected."""
        again = [item for item in items if item.decision is not None]
        fresh = [item for item in items if item.decision is None]
        outcomes = await self._publish_again(again, work) if again else {}
        if fresh:
            outcomes.update(await self._decide(fresh, work))
        return [outcomes[id(item)] for item in items]

    async def _publish_again(self, items: Sequence[InHand], work: Work) -> dict[int, Outcome]:
        """What was decided stands; a conversion goes out with the same ids."""
        wanted = {opportunity_id_of(lead_id) for item in items if (lead_id := _converted_lead(item))}
        stored = await self.sales.conversions_of(work, sorted(wanted))
        outcomes: dict[int, Outcome] = {}
        for item in items:
            assert item.decision is not None
            subject, lead_id = item.decision.subject, _converted_lead(item)
            conversion = stored.get(opportunity_id_of(lead_id)) if lead_id else None
            events = events_of(conversion, item.record, item.decision.decided_at) if conversion else ()
            outcomes[id(item)] = Produced(item.decision.outcome, events, subject=subject, detail=item.decision.detail)
        return outcomes

    async def _decide(self, items: Sequence[InHand], work: Work) -> dict[int, Outcome]:
        gate = await self.gates.read(work)
        outcomes: dict[int, Outcome] = {}
        newest = _newest_of(items, gate, outcomes)
        known = await self.leads.add(work, {lead_id: one.state for lead_id, one in newest.items()})
        if known:
            outcomes.update(await self._meet(known, newest, gate, work))
        wanted = _wanted(newest, gate, outcomes)
        for converted in await self.converting.convert(wanted, work):
            lead_id = converted.opportunity.lead_id
            item = newest[lead_id].item
            outcomes[id(item)] = Produced(CONVERTED, events_of(converted, item.record, work.instant), subject=lead_id)
        return outcomes

    async def _meet(
        self, known: dict[str, LeadState], newest: dict[str, _Newest], gate: Gate, work: Work
    ) -> dict[int, Outcome]:
        """Leads that were heard of before: those with news are judged as they stand now, the others are done and leave
        `newest`.

        Aliases are asked under the leads' locks: a merge that was quicker is seen, a slower one sees what is decided
        here. A lead that was never heard of was not merged either: a merge leaves a row of its loser.
        """
        winners = await resolve_at(work, known)
        outcomes: dict[int, Outcome] = {}
        changed: list[LeadState] = []
        for lead_id, state in known.items():
            one = newest[lead_id]
            survivor = survivor_at(winners, lead_id, one.state.lead_version)
            if survivor != lead_id:
                away = Skipped("merged_away", subject=survivor)
                outcomes.update({id(item): away for item in (one.item, *one.others)})
            elif state.erased:
                gone = Skipped("erased", subject=lead_id)
                outcomes.update({id(item): gone for item in (one.item, *one.others)})
            elif not state.take_newer(one.state):
                outcomes[id(one.item)] = Skipped("superseded", subject=lead_id)
            elif state.opportunity_id is not None:
                changed.append(state)
                outcomes[id(one.item)] = Skipped("already_converted", subject=lead_id)
            else:
                changed.append(state)
                one.state = state
                one.ask_again(gate)
                continue
            del newest[lead_id]
        await self.leads.update(work, changed)
        return outcomes


def _converted_lead(item: InHand) -> str | None:
    """The lead that the stored decision converted, if that is what it did."""
    decision = item.decision
    return decision.subject if decision is not None and decision.outcome == CONVERTED else None


def _newest_of(items: Sequence[InHand], gate: Gate, outcomes: dict[int, Outcome]) -> dict[str, _Newest]:
    """The newest parts of each lead, the gate asked; of the other records the outcomes are known."""
    newest: dict[str, _Newest] = {}
    for item in items:
        read = read_routed(item.record, gate)
        if isinstance(read, Rejected):
            outcomes[id(item)] = read
            continue
        state, seen = read
        one = newest.get(state.lead_id)
        if one is None:
            one = newest[state.lead_id] = _Newest(state, item)
            one.ask(gate, seen)
            continue
        older = item
        if one.state.take_newer(state):
            older, one.item = one.item, item
            one.ask_again(gate)
        one.others.append(older)
        outcomes[id(older)] = Skipped("superseded", subject=state.lead_id)
    return newest


def _wanted(newest: dict[str, _Newest], gate: Gate, outcomes: dict[int, Outcome]) -> list[Wanted]:
    """The leads to convert; the others have come to the gate in vain."""
    wanted: list[Wanted] = []
    version = gate.rules["version"]
    for lead_id, one in newest.items():
        passage = one.passage
        if isinstance(passage, Closed):
            detail = {"missing": passage.missing, "gate": version}
            outcomes[id(one.item)] = Produced(GATE_CLOSED, subject=lead_id, detail=detail)
        else:
            event_id = converted_event_id(one.item.record, opportunity_id_of(lead_id))
            wanted.append(Wanted(one.state, BY_GATE, event_id, passage.met, gate.rules))
    return wanted
