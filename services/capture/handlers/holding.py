"""Submissions that look like spam, on their way into quarantine."""

from collections.abc import Mapping, Sequence

from services.capture.domain.erasing import stays_out
from services.capture.domain.guard import Doubts
from services.capture.domain.hygiene import CleanSubmission
from services.capture.domain.identity import identity_keys
from services.capture.handlers.arrivals import QUARANTINED, Arrival, arrival_of
from services.capture.handlers.events import receipt_settled
from services.capture.ports import ErasureBook, Held, QuarantineBook
from shared.handling.outcomes import Produced
from shared.handling.work import Work


def held_of(arrival: Arrival, clean: CleanSubmission, doubts: Doubts) -> Held:
    """What quarantine keeps of a submission."""
    keys = identity_keys(clean, source_name=arrival.source)
    return Held(arrival.record, arrival.source, doubts.reasons, doubts.points, keys)


def quarantined(arrival: Arrival, reasons: Sequence[str], work: Work) -> Produced:
    """The outcome of a submission that is held."""
    event = receipt_settled(arrival, QUARANTINED, reasons[0], None, work.instant, reasons=reasons)
    return Produced(
        QUARANTINED,
        (event,),
        reason=reasons[0],
        detail={**arrival.receipt(), "reasons": list(reasons)},
        fingerprint=arrival.fingerprint(),
    )


async def hold(
    held: Mapping[int, Held], quarantine: QuarantineBook, erasures: ErasureBook, work: Work, secret: bytes
) -> Mapping[int, Arrival]:
    """Keep submissions for people to look at; those that are not kept, by place: they name somebody who was erased since."""
    keys = {key for each in held.values() for key in each.keys}
    erased_us = await erasures.kept_out(work, sorted(keys))
    arrivals = {place: arrival_of(each.record, secret=secret) for place, each in held.items()}
    out = {
        place: arrival
        for place, arrival in arrivals.items()
        if stays_out(held[place].keys, erased_us, sent_us=arrival.sent_us(), is_listed=arrival.is_listed())
    }
    await quarantine.hold(work, [each for place, each in held.items() if place not in out])
    return out
