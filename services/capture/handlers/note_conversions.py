"""Conversions, as conversion tells of them: whoever was converted is no target any more."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final

from pydantic import AwareDatetime, Field

from services.capture.domain.lifecycle import LEAD, as_lead, state_of
from services.capture.domain.person import Person
from services.capture.handlers.events import lead_changed
from services.capture.handlers.mark_leads import PROMOTED
from services.capture.ports import Conversion, ConversionBook, ErasureBook, LeadBook, TargetBook
from shared.contracts.base import Contract
from shared.contracts.thin import LeadId
from shared.handling.outcomes import InHand, Outcome, OutEvent, Produced
from shared.handling.work import Work

CONVERTED: Final = "converted"
NOTED: Final = "noted"
_AUTHOR: Final = "leadstream/capture/conversions"


class ConvertedLead(Contract):
    """`opportunity.converted` as far as capture looks into it."""

    TYPE: ClassVar[str] = "opportunity.converted"

    opportunity_id: LeadId
    lead_id: LeadId
    account_id: LeadId
    contact_id: LeadId
    converted_at: Annotated[AwareDatetime, Field(strict=False)]

    def conversion(self) -> Conversion:
        """As it is kept."""
        return Conversion(self.opportunity_id, self.lead_id, self.account_id, self.contact_id, self.converted_at)


@dataclass(frozen=True, slots=True)
class NoteConversions:
    """The use case of `opportunity.converted`. A target that somebody converted has responded if anybody has: it is a lead
    from now on, and neither expires nor is purged."""

    conversions: ConversionBook
    leads: LeadBook
    targets: TargetBook
    erasures: ErasureBook

    async def __call__(self, items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        """`promoted` with `lead.changed` where it was a target, else `noted`; on a redelivery the same once more."""
        fresh: list[ConvertedLead] = [item.event for item in items if item.decision is None]
        again = [item.decision.subject for item in items if item.decision is not None and item.decision.subject]
        await self.conversions.add(work, [event.conversion() for event in fresh])
        people = await self.leads.lock_leads(work, sorted({event.lead_id for event in fresh})) if fresh else {}
        promoted = await self._promote(people, work)
        known = await self.leads.load_leads(work, again) if again else {}
        return [_outcome(item, people, promoted, known, work) for item in items]

    async def _promote(self, people: Mapping[str, Person], work: Work) -> set[str]:
        """Make leads of those that are targets; their ids."""
        targets = {person.lead_id: person for person in people.values() if state_of(person.facts) != LEAD}
        for lead_id in sorted(targets):
            if await self.erasures.is_erased(work, [lead_id]):
                del targets[lead_id]
            else:
                targets[lead_id].become(as_lead)
        await self.leads.save_leads(work, targets.values())
        if people:
            await self.targets.remove(work, sorted({person.lead_id for person in people.values()} | set(people)))
        return set(targets)


def _outcome(
    item: InHand, people: Mapping[str, Person], promoted: set[str], known: Mapping[str, Person], work: Work
) -> Outcome:
    if item.decision is not None:
        lead_id = item.decision.subject or ""
        if item.decision.outcome != PROMOTED or lead_id not in known:
            return Produced(item.decision.outcome, subject=item.decision.subject)
        return Produced(PROMOTED, (_told(item, known[lead_id], item.decision.decided_at),), subject=lead_id)
    person = people.get(item.event.lead_id)
    if person is None:
        return Produced(NOTED)
    if person.lead_id not in promoted:
        return Produced(NOTED, subject=person.lead_id)
    promoted.discard(person.lead_id)
    return Produced(PROMOTED, (_told(item, person, work.instant),), subject=person.lead_id)


def _told(item: InHand, person: Person, at: str) -> OutEvent:
    return lead_changed(item.record, person, PROMOTED, reason=CONVERTED, author=_AUTHOR, details={}, at=at)
