"""Converting leads, whoever asks: reserve, decide, store, in the caller's transaction; and what is said of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from services.conversion.domain.announcing import CREATED, changed_data
from services.conversion.domain.converting import Converted, Wanted, convert_all
from services.conversion.domain.leads import decoded
from services.conversion.ports import Parties, Pipelines, Sales
from shared.contracts.events.conversion import OpportunityChanged, OpportunityConverted
from shared.contracts.topics import CHANGED, CONVERTED
from shared.handling.outcomes import OutEvent, Stage
from shared.handling.records import Record
from shared.handling.work import Work
from shared.observability.metrics import LEAD_SECONDS, LEADS_CONVERTED

STAGE: Final = Stage("conversion")


@dataclass(frozen=True, slots=True)
class Converting:
    """Converts leads whose rows the caller has locked, found unconverted, and given their opportunity."""

    parties: Parties
    sales: Sales
    pipelines: Pipelines

    async def convert(self, wanted: Sequence[Wanted], work: Work) -> list[Converted]:
        """Account, contact, opportunity and conversion of each, all or none, in the stages that are active. Answers in the order
        of lead ids. Raises NoActiveRules."""
        if not wanted:
            return []
        ordered = sorted(wanted, key=_by_lead)
        pipeline = await self.pipelines.read(work)
        book = await self.parties.reserve(work, ordered)
        converted = convert_all(ordered, book, pipeline, now=work.instant)
        await self.parties.save(work, book)
        await self.sales.save(work, converted)
        work.once_stored(partial(_measure, ordered, work.now))
        return converted


def _by_lead(one: Wanted) -> str:
    return one.state.lead_id


def _measure(wanted: Sequence[Wanted], now: datetime) -> None:
    """Of one use case, so of one trigger."""
    LEADS_CONVERTED.labels(trigger=wanted[0].trigger).inc(len(wanted))
    age = LEAD_SECONDS.labels(stage="converted")
    for one in wanted:
        origin = decoded(one.parts.origin)
        if origin is not None:
            age.observe((now - datetime.fromisoformat(origin["received_at"])).total_seconds())


def converted_event_id(record: Record, opportunity_id: str) -> str:
    """The id of the `opportunity.converted` that this record leads to."""
    return STAGE.event_id(record, OpportunityConverted.TYPE, opportunity_id)


def events_of(converted: Converted, cause: Record, time: str) -> tuple[OutEvent, OutEvent]:
    """What is published of a conversion: the conversion as stored, and the opportunity in its newest state."""
    conversion, opportunity = converted.conversion, converted.opportunity
    key = opportunity.opportunity_id
    said = STAGE.event(
        cause,
        OpportunityConverted.TYPE,
        topic=CONVERTED,
        key=key,
        data=conversion.event,
        time=time,
        event_id=conversion.event_id,
    )
    data = changed_data(opportunity, CREATED)
    created = STAGE.event(
        cause, OpportunityChanged.TYPE, topic=CHANGED, key=key, data=data, time=time, discriminator=CREATED
    )
    return said, created
