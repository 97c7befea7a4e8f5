"""A record whose event id was decided for an earlier one: the same body repeats it, another body conflicts with it."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.capture.domain.receipt import repeat_id
from services.capture.domain.refusal import Refused, refuse
from services.capture.handlers.arrivals import INBOUND_TOPICS, Arrival, arrival_of
from services.capture.handlers.capture_leads import TEST_REASON, refusal_of
from services.capture.handlers.events import lead_rejected, receipt_settled
from services.capture.ports import Receipt, ReceiptBook
from shared.contracts.envelope import rfc3339
from shared.handling.outcomes import (
    DEAD_LETTERED,
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
        comes here again: the receipt that stands says when it was settled."""
        settled = [(item, settle_repeat(item, self.secret)) for item in items]
        receipts = [receipt for _, receipt in settled if receipt is not None]
        await self.receipts.save(work, receipts)
        times = await self.receipts.settled_at(work, [receipt.receipt_id for receipt in receipts])
        return [
            Skipped(REPEATED_EVENT)
            if receipt is None
            else self._outcome(item, receipt, rfc3339(times[receipt.receipt_id]))
            for item, receipt in settled
        ]

    def _outcome(self, item: InHand, receipt: Receipt, at: str) -> Outcome:
        arrival = arrival_of(item.record, secret=self.secret, receipt_for=receipt.receipt_id)
        if receipt.outcome == DEAD_LETTERED:
            return Rejected(receipt.reason or "processing_failed")
        if receipt.outcome == "rejected":
            event = lead_rejected(arrival, self._refusal(item, receipt), at)
        else:
            event = receipt_settled(arrival, receipt.outcome, receipt.reason or "", receipt.lead_id, at)
        return Produced(receipt.outcome, (event,), subject=receipt.lead_id, reason=receipt.reason)

    def _refusal(self, item: InHand, receipt: Receipt) -> Refused:
        if receipt.reason == "id_conflict" or item.decision is None:
            return refuse("id_conflict")
        return refusal_of(item.decision)


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
        return "rejected", "id_conflict", None
    if first.outcome == "rejected":
        return "rejected", first.reason or "invalid_value", (first.detail or {}).get("field")
    if first.outcome == "test":
        return "test", TEST_REASON, None
    return "merged", REPEATED_EVENT, None
