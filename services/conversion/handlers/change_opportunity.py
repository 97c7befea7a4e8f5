"""`opportunity.change`: stage, amount or owner, checked against the pipeline that the opportunity began in."""

from dataclasses import dataclass, replace
from typing import Any, Final

from services.conversion.domain.announcing import changed_data
from services.conversion.domain.changing import Unchangeable, apply_change, named_changes
from services.conversion.domain.parties import Opportunity
from services.conversion.handlers.converting import STAGE
from services.conversion.ports import Pipelines, Sales
from shared.contracts.commands.sales import ChangeOpportunity
from shared.contracts.events.conversion import OpportunityChanged
from shared.contracts.ids import is_id
from shared.contracts.topics import CHANGED
from shared.handling.outcomes import InHand, OutEvent
from shared.handling.work import Work
from shared.messaging.commands import Done, Refused, command_id_of
from shared.persistence.commands import read_completed

_UNKNOWN: Final = Refused("unknown_opportunity", "There is no opportunity of this id.")


@dataclass(frozen=True, slots=True)
class ChangeOnCommand:
    """Obeys `opportunity.change`; each change raises `opportunity_version` by one."""

    sales: Sales
    pipelines: Pipelines

    async def __call__(self, item: InHand, work: Work) -> Done | Refused:
        """Done with the version, `changed` false where everything was so already; refused: unknown_opportunity,
        unknown_stage, stage_not_allowed, invalid_amount, invalid_currency, invalid_owner."""
        wanted: ChangeOpportunity = item.event
        held = None
        if is_id(wanted.opportunity_id):
            held = await self.sales.lock_opportunity(work, wanted.opportunity_id)
        if held is None:
            return _UNKNOWN
        if item.decision is not None:
            return await _again(held, item, work)
        pipeline = await self.pipelines.begun_in(work, held.pipeline)
        changed = apply_change(
            held, pipeline, stage=wanted.stage, amount=wanted.amount, currency=wanted.currency, owner=wanted.owner
        )
        if isinstance(changed, Unchangeable):
            return Refused(changed.reason, changed.detail)
        change = named_changes(held, changed)
        if not change:
            return Done({**_answer(held), "changed": False}, subject=held.lead_id)
        newest = replace(changed, opportunity_version=held.opportunity_version + 1, changed_at=work.instant)
        await self.sales.save_changed(work, newest)
        event = _event(newest, change, item, work.instant)
        return Done({**_answer(newest), "changed": True, "change": change}, (event,), subject=held.lead_id)


async def _again(held: Opportunity, item: InHand, work: Work) -> Done:
    """Redelivered: the first answer, and its event from the newest state."""
    assert item.decision is not None
    stored = await read_completed(work, command_id_of(item.record))
    assert stored is not None  # stored in the transaction that stored the decision
    result: dict[str, Any] = stored["result"]
    if not result.get("changed"):
        return Done(result, subject=held.lead_id)
    return Done(result, (_event(held, result["change"], item, item.decision.decided_at),), subject=held.lead_id)


def _event(opportunity: Opportunity, change: str, item: InHand, time: str) -> OutEvent:
    return STAGE.event(
        item.record,
        OpportunityChanged.TYPE,
        topic=CHANGED,
        key=opportunity.opportunity_id,
        data=changed_data(opportunity, change),
        time=time,
    )


def _answer(opportunity: Opportunity) -> dict[str, Any]:
    return {
        "opportunity_id": opportunity.opportunity_id,
        "opportunity_version": opportunity.opportunity_version,
        "stage": opportunity.stage,
        "probability": opportunity.probability,
    }
