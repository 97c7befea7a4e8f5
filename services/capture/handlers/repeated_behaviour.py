"""An event whose id was decided for an earlier record: it changes nothing, and its own record is accounted for."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.capture.domain.reading import fingerprint_of
from services.capture.domain.receipt import repeat_id
from services.capture.handlers.arrivals import arrival_of
from services.capture.handlers.behaviour_events import behaviour_settled
from shared.contracts.envelope import from_millis
from shared.handling.outcomes import REPEATED_EVENT, InHand, Outcome, Produced
from shared.handling.work import Work


@dataclass(frozen=True, slots=True)
class SettleRepeatedBehaviour:
    """The use case. The first body under an event's id stands; nothing is stored of the others, so that the time of
    receipt stands for that of the decision."""

    secret: bytes

    async def __call__(self, items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        """See shared.messaging.subscription.UseCase."""
        return [self._settle(item) for item in items]

    def _settle(self, item: InHand) -> Outcome:
        record, first = item.record, item.decision
        arrival = arrival_of(
            record,
            secret=self.secret,
            receipt_for=repeat_id(record.topic_id, record.partition, record.offset),
        )
        same = first is None or not first.fingerprint or first.fingerprint == fingerprint_of(record.value or b"")
        outcome, reason = ("repeated", REPEATED_EVENT) if same else ("rejected", "id_conflict")
        event = behaviour_settled(arrival, outcome, reason, from_millis(record.timestamp))
        return Produced(outcome, (event,))
