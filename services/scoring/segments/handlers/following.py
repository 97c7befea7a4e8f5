"""What the lane of segments follows: scores, what leads do, and who is who."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.scoring.segments.domain.happenings import CONVERTED
from services.scoring.segments.domain.inbound import Behaved, Converted, Corrected, Joined, read_carried
from services.scoring.segments.domain.interest import STATED_KIND, read_interest
from services.scoring.segments.domain.membership import Interest
from services.scoring.segments.handlers.looking import STAGE, Looks, tell
from services.scoring.segments.ports import Behaved as Kept
from services.scoring.segments.ports import Correction, SegmentBook, Statement
from shared.contracts.envelope import rfc3339
from shared.contracts.events.segments import InterestChanged
from shared.contracts.ids import is_id
from shared.contracts.topics import JOURNEYS
from shared.handling.outcomes import InHand, Outcome, OutEvent, Produced, Rejected
from shared.handling.records import Record
from shared.handling.work import Work


@dataclass(frozen=True, slots=True)
class FollowScores:
    """Look at leads that were scored. The key says who; what the record says of it counts where it is still the newest."""

    looks: Looks
    book: SegmentBook

    async def __call__(self, items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        """See shared.messaging.subscription.UseCase."""
        named = [_key_of(item.record) for item in items]
        leads = [(lead_id,) if is_id(lead_id) else () for lead_id in named]
        said = {lead_id: read_carried(item.record.value) for lead_id, item in zip(named, items, strict=True)}
        carried = {lead_id: each for lead_id, each in said.items() if each is not None}
        outcomes = await tell(self.book, self.looks, items, leads, work, carried)
        return [
            outcome if lead_ids else Rejected("no_lead_id", place="key")
            for outcome, lead_ids in zip(outcomes, leads, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class FollowBehaviour:
    """Keep what leads did, and look at them."""

    looks: Looks
    book: SegmentBook

    async def __call__(self, items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        """See shared.messaging.subscription.UseCase."""
        await self.book.note(work, [_kept(item) for item in items])
        stated = {item.record.event_id: said for item in items if (said := _statement(item)) is not None}
        await self.book.state(work, list(stated.values()))
        # Of somebody who was erased nothing was kept, and nothing is published either.
        held = await self.book.stated_by(work, [item.record for item in items]) if stated else {}
        outcomes = await tell(self.book, self.looks, items, [(item.event.lead_id,) for item in items], work)
        return [
            _with(outcome, interest_changed(item.record, stated[item.record.event_id]))
            if item.record.event_id in stated and item.record.event_id in held
            else outcome
            for item, outcome in zip(items, outcomes, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class FollowConversions:
    """Count conversions, and look at who became a customer."""

    looks: Looks
    book: SegmentBook

    async def __call__(self, items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        """See shared.messaging.subscription.UseCase."""
        said: list[Converted] = [item.event for item in items]
        kept = [
            Kept(item.record.event_id, each.lead_id, CONVERTED, None, each.converted_at, True)
            for item, each in zip(items, said, strict=True)
        ]
        await self.book.note(work, kept)
        return await tell(self.book, self.looks, items, [(each.lead_id,) for each in said], work)


@dataclass(frozen=True, slots=True)
class FollowCorrections:
    """Count an event, or not, as it is seen now, and look at its lead."""

    looks: Looks
    book: SegmentBook

    async def __call__(self, items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        """See shared.messaging.subscription.UseCase."""
        said: list[Corrected] = [item.event for item in items]
        await self.book.correct(work, [Correction(e.corrects, e.counts, e.corrected_at) for e in said])
        return await tell(self.book, self.looks, items, [(item.event.lead_id,) for item in items], work)


@dataclass(frozen=True, slots=True)
class FollowWhoIsWho:
    """Look at both leads of a merge, and of one that was taken back."""

    looks: Looks
    book: SegmentBook
    merged: bool

    async def __call__(self, items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        """See shared.messaging.subscription.UseCase."""
        said: list[Joined] = [item.event for item in items]
        merges = [(e.loser_id, e.winner_id if self.merged else e.loser_id, e.lead_version) for e in said]
        await self.book.save_merges(work, merges)
        return await tell(self.book, self.looks, items, [(e.winner_id, e.loser_id) for e in said], work)


def interest_changed(record: Record, said: Statement) -> OutEvent:
    """The event that says what was stated."""
    interest, at = said.interest, rfc3339(said.stated_at)
    event = InterestChanged(
        lead_id=said.lead_id,
        interest=interest.interest,
        reason=interest.reason,
        resume_at=None if interest.resume_at is None else rfc3339(interest.resume_at),
        author=said.author,
        stated_at=at,
    )
    data = event.__pydantic_serializer__.to_json(event)
    return STAGE.event(record, event.TYPE, topic=JOURNEYS, key=said.lead_id, data=data, time=at)


def _key_of(record: Record) -> str:
    return (record.key or b"").decode(errors="replace")


def _kept(item: InHand) -> Kept:
    event: Behaved = item.event
    return Kept(
        item.record.event_id, event.lead_id, event.kind[:80], (event.category or "")[:80] or None, event.occurred_at,
        event.human,
    )  # fmt: skip


def _statement(item: InHand) -> Statement | None:
    """What an event says of the interest, where it says anything that can be read."""
    event: Behaved = item.event
    if event.kind != STATED_KIND:
        return None
    said = read_interest(event.properties)
    if not isinstance(said, Interest):
        return None
    return Statement(item.record.event_id, event.lead_id, said, event.occurred_at, f"source/{item.record.source}"[:200])


def _with(outcome: Outcome, event: OutEvent) -> Outcome:
    """The event before those of the moves that follow from it."""
    if isinstance(outcome, Produced):
        return outcome._replace(events=(event, *outcome.events))
    return Produced("stated", (event,), event.envelope.subject)
