"""`lead.erased`: nobody is left in a sale, and downstream systems are told so, twice.

The conversions' topic is compacted, and compaction never touches a segment that is still written to; a batch in flight may
also have said a conversion once more behind the first redaction. So it is said again when that segment is closed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from services.conversion.domain.converting import Converted, opportunity_id_of
from services.conversion.domain.redacting import redacted_event
from services.conversion.handlers.converting import STAGE
from services.conversion.ports import Sales
from shared.contracts.commands.sales import RedactOpportunity
from shared.contracts.events.conversion import OpportunityRedacted
from shared.contracts.topics import CONVERTED, TOPICS
from shared.handling.outcomes import InHand, Outcome, OutEvent, Produced, Skipped
from shared.handling.records import Record
from shared.handling.work import Work
from shared.messaging.erasing import ERASED, first_lead, forget
from shared.persistence.erasing import PersonalTables
from shared.persistence.timers import Timer, set_timers

# A segment is closed by the first record after its time, so a little later there is one.
AGAIN_AFTER: Final = timedelta(milliseconds=int(TOPICS[CONVERTED].settings()["segment.ms"])) + timedelta(hours=1)
REDACTED: Final = "redacted"


@dataclass(frozen=True, slots=True)
class RedactPeople:
    """The use case of `lead.erased`."""

    sales: Sales
    personal: Sequence[PersonalTables]

    async def __call__(self, items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        """Every erasure is `erased`; one `opportunity.redacted` for each conversion of its leads. Again, it changes nothing
        and says the same."""
        await forget(items, self.personal, work)
        outcomes: list[Outcome] = []
        for item in items:
            wanted = sorted(map(opportunity_id_of, item.event.versions()))
            sold = await self.sales.conversions_of(work, wanted)
            if item.decision is None:
                await set_timers(work, [_again(opportunity_id, work) for opportunity_id in sold])
            at = item.decision.decided_at if item.decision else work.instant
            events = tuple(_redacted(item.record, sold[opportunity_id], at) for opportunity_id in sorted(sold))
            outcomes.append(Produced(ERASED, events, subject=first_lead(item.event)))
        return outcomes


@dataclass(frozen=True, slots=True)
class RedactAgain:
    """Obeys `opportunity.redact`, a timer's command."""

    sales: Sales

    async def __call__(self, items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        """`redacted`, with the event; skipped where there is no such opportunity."""
        sold = await self.sales.conversions_of(work, sorted({item.event.opportunity_id for item in items}))
        return [self._outcome(item, sold.get(item.event.opportunity_id), work) for item in items]

    def _outcome(self, item: InHand, converted: Converted | None, work: Work) -> Outcome:
        if converted is None:
            return Skipped("unknown_opportunity")
        at = item.decision.decided_at if item.decision else work.instant
        event = _redacted(item.record, converted, at)
        return Produced(REDACTED, (event,), subject=converted.opportunity.lead_id)


def _again(opportunity_id: str, work: Work) -> Timer:
    payload = {"opportunity_id": opportunity_id}
    return Timer(RedactOpportunity.TYPE, opportunity_id, work.now + AGAIN_AFTER, payload)


def _redacted(cause: Record, converted: Converted, time: str) -> OutEvent:
    """The whole record without its personal fields, under the key of the one that it replaces."""
    key = converted.opportunity.opportunity_id
    event_id = STAGE.event_id(cause, OpportunityRedacted.TYPE, key)
    data = redacted_event(converted.conversion.event, event_id=event_id)
    return STAGE.event(
        cause, OpportunityRedacted.TYPE, topic=CONVERTED, key=key, data=data, time=time, event_id=event_id
    )
