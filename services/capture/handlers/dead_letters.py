"""What could not be processed has a receipt too, and a command that could not be is completed."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.capture.handlers.arrivals import FROM_OUTSIDE, arrival_of
from services.capture.ports import Receipt, ReceiptBook
from shared.handling.outcomes import DEAD_LETTERED, InHand, Outcome, Rejected, Skipped
from shared.handling.records import Record
from shared.handling.work import Work
from shared.messaging.commands import note_dead_commands


@dataclass(frozen=True, slots=True)
class NoteDeadLetters:
    """Notes dead letters in the batch's transaction."""

    receipts: ReceiptBook
    secret: bytes

    async def __call__(self, rejected: Sequence[tuple[Record, Rejected]], work: Work) -> None:
        """See shared.messaging.subscription.OnDeadLetters."""
        await self.receipts.save(work, [self._receipt(*pair) for pair in rejected if pair[0].topic in FROM_OUTSIDE])
        await note_dead_commands(rejected, work)

    def _receipt(self, record: Record, why: Rejected) -> Receipt:
        arrival = arrival_of(record, secret=self.secret)
        return Receipt(
            record.event_id, record, arrival.source, DEAD_LETTERED, why.reason, why.place or None, row=arrival.row
        )


async def bury_unknown(items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
    """Records of a type that capture does not know: on the inbound topics nobody else would account for them. A command
    of a later version's type is passed over, one of no type at all is not."""
    return [_of_no_known_type(item.record) for item in items]


def _of_no_known_type(record: Record) -> Outcome:
    if record.topic in FROM_OUTSIDE:
        return Rejected("unknown_type")
    return Skipped("unknown_type") if record.type else Rejected("no_type")
