"""A record whose event id was decided for an earlier one: the same body repeats it, another body conflicts with it."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.capture.domain.receipt import repeat_id
from services.capture.domain.refusal import stored_refusal
from services.capture.handlers.arrivals import INBOUND_TOPICS, Arrival, arrival_of
from services.capture.handlers.capture_leads import TEST_REASON
from services.capture.handlers.events import lead_rejected, receipt_settled
from services.capture.ports import Receipt, ReceiptBook, Standing
from shared.contracts.envelope import rfc3339
from shared.handling.outcomes import (
    DEAD_LETTERED,
    REJECTED,
    REPEATED_EVENT,
    Decision,
    InHand,
    Outcome,
    Produced,
    Rejected,
    Skipped,
)
from shared.handling.work import Work


@dataclass(frozen=True, slots=True)
class SettleRepeats:
    """The use case for repeated events. Nothing about a lead changes; each record has its receipt all the same."""

    receipts: ReceiptBook
    secret: bytes

    async def __call__(self, items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        """See shared.messaging.subscription.UseCase. Nothing is stored of these by the chassis, so that a redelivery
        comes here again: the receipt that stands says what it came to, and when. A refusal stands when the first
        record is replayed, and comes to something else."""
        settled = [(item, settle_repeat(item, self.secret)) for item in items]
        receipts = [receipt for _, receipt in settled if receipt is not None]
        await self.receipts.save(work, receipts)
        standing = await self.receipts.standing(work, [receipt.receipt_id for receipt in receipts])
        return [
            Skipped(REPEATED_EVENT)
            if receipt is None
            else self._outcome(item, receipt.receipt_id, standing[receipt.receipt_id])
            for item, receipt in settled
        ]

    def _outcome(self, item: InHand, receipt_id: str, stands: Standing) -> Outcome:
        arrival = arrival_of(item.record, secret=self.secret, receipt_for=receipt_id)
        at = rfc3339(stands.settled_at)
        if stands.outcome == DEAD_LETTERED:
            return Rejected(stands.reason or "processing_failed")
        if stands.outcome == REJECTED:
            event = lead_rejected(arrival, stored_refusal(stands.reason, stands.field), at)
        else:
            event = receipt_settled(arrival, stands.outcome, stands.reason or "", stands.lead_id, at)
        return Produced(stands.outcome, (event,), subject=stands.lead_id, reason=stands.reason)


def settle_repeat(item: InHand, secret: bytes) -> Receipt | None:
    """The receipt of a repeated inbound record; None for records of other topics."""
    record, first = item.record, item.decision
    if record.topic not in INBOUND_TOPICS or first is None:
        return None
    arrival = arrival_of(record, secret=secret)
    outcome, reason, field = _judge(arrival, first)
    return Receipt(
        repeat_id(record.topic_id, record.partition, record.offset),
        record,
        arrival.source,
        outcome,
        reason,
        field,
        first.subject if outcome == "merged" else None,
        arrival.row,
        repeat_of=record.event_id,
    )


def _judge(arrival: Arrival, first: Decision) -> tuple[str, str, str | None]:
    """Outcome, reason and field of a record, given what was decided for the first one with its event id."""
    if first.outcome == DEAD_LETTERED:
        return DEAD_LETTERED, first.reason or "processing_failed", None
    if arrival.fault is not None:
        return DEAD_LETTERED, arrival.fault, None
    if first.fingerprint and arrival.fingerprint() not in (0, first.fingerprint):
        return REJECTED, "id_conflict", None
    if first.outcome == REJECTED:
        return REJECTED, first.reason or "invalid_value", (first.detail or {}).get("field")
    if first.outcome == "test":
        return "test", TEST_REASON, None
    return "merged", REPEATED_EVENT, None
