"""What moves runs: segments entered and left, conversions, time; and what follows from steps: sending, redemptions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from services.scoring.journeys.domain.inbound import Behaved, Converted, Entered, Exited
from services.scoring.journeys.domain.running import (
    CONVERTED,
    LEFT_SEGMENT,
    CompiledJourney,
    CompiledJourneys,
    Run,
    Taken,
    begin,
    end_runs,
    may_begin,
)
from services.scoring.journeys.handlers.moving import STAGE, Moves, outcome_of
from services.scoring.journeys.ports import JourneyBook, Redeeming, Redemption, Surroundings
from shared.contracts.envelope import rfc3339
from shared.contracts.events.journeys import OfferRedeemed
from shared.contracts.topics import JOURNEYS
from shared.handling.outcomes import InHand, Outcome, Produced, Skipped
from shared.handling.records import Record
from shared.handling.work import Work
from shared.messaging.timers import NOT_LIVE
from shared.persistence.timers import take_timers

REDEEMED_KIND: Final = "offer.redeemed"
_LONGEST_CODE: Final = 64


@dataclass(frozen=True, slots=True)
class FollowSegments:
    """Begin the journeys of a segment that was entered, or end those of one that was left."""

    moves: Moves
    entered: bool

    async def __call__(self, items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        """See shared.messaging.subscription.UseCase."""
        leads = [item.event.lead_id for item in items]
        told = await self.moves.move(items, leads, _begun if self.entered else _left, work, _begins_any)
        return [
            outcome_of(i.record, told.get(i.record.event_id, ()), lead) for i, lead in zip(items, leads, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class FollowConversions:
    """Who has converted is in no journey any more."""

    moves: Moves

    async def __call__(self, items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        """See shared.messaging.subscription.UseCase."""
        survivors = await self.moves.book.family(work, [item.event.lead_id for item in items])
        leads = [survivors.get(item.event.lead_id, item.event.lead_id) for item in items]
        told = await self.moves.move(items, leads, _converted, work)
        return [outcome_of(i.record, told[i.record.event_id], lead) for i, lead in zip(items, leads, strict=True)]


@dataclass(frozen=True, slots=True)
class StepsDue:
    """The use case of `journey.step_due`: each setting of a timer moves its run once."""

    moves: Moves

    async def __call__(self, items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        """See shared.messaging.subscription.UseCase."""
        before = await self.moves.book.told(work, [item.record for item in items])
        waiting = [item for item in items if item.record.event_id not in before]
        live = await take_timers(work, [(item.event.timer_id, item.event.generation) for item in waiting])
        standing = [
            item
            for item in items
            if item.record.event_id in before or (item.event.timer_id, item.event.generation) in live
        ]
        told = await self.moves.move(standing, [item.event.lead_id for item in standing], _woken, work)
        return [
            outcome_of(item.record, told[item.record.event_id], item.event.lead_id)
            if item.record.event_id in told
            else Skipped(NOT_LIVE, item.event.lead_id)
            for item in items
        ]


@dataclass(frozen=True, slots=True)
class ReleaseSends:
    """What was published is sent from now on: the effect follows the event, never the other way round."""

    book: JourneyBook

    async def __call__(self, items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        """See shared.messaging.subscription.UseCase."""
        await self.book.release(work, [item.event.send_id for item in items if item.event.send_id is not None])
        return [Skipped("released" if item.event.send_id else "nothing_to_send", item.event.lead_id) for item in items]


@dataclass(frozen=True, slots=True)
class RedeemOffers:
    """Attribute what an offer brought to the step that made it, once a code."""

    book: JourneyBook

    async def __call__(self, items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        """See shared.messaging.subscription.UseCase."""
        said = [redeeming for item in items if (redeeming := _redeeming(item)) is not None]
        redeemed = await self.book.redeem(work, said) if said else {}
        return [_redeemed(item, redeemed.get(item.record.event_id)) for item in items]


def begun(
    compiled: CompiledJourney, lead_id: str, item: InHand, runs: list[Run], since: datetime | None, work: Work
) -> Iterable[Taken]:
    """Begin a journey, if the lead's runs of it so far let it."""
    last = next((run for run in runs if run.journey == compiled.journey.id), None)
    if may_begin(last, compiled.journey, work.now):
        run, entered = begin(lead_id, compiled, item.record.event_id, work.now, since)
        runs.insert(0, run)
        yield entered


def _begins_any(item: InHand, rules: CompiledJourneys) -> bool:
    return item.event.segment in rules.by_segment


def _begun(item: InHand, runs: list[Run], rules: CompiledJourneys, around: Surroundings, work: Work) -> Iterable[Taken]:
    """Who has left the segment before this was read, or replayed, does not begin what asks to stay there."""
    event: Entered = item.event
    stays = _stays(event, around)
    for compiled in rules.by_segment.get(event.segment, ()):
        if stays or not compiled.journey.stay:
            yield from begun(compiled, event.lead_id, item, runs, event.entered_at, work)


def _stays(event: Entered, around: Surroundings) -> bool:
    since = around.members.get(event.segment)
    return since is not None and event.entered_at in (None, datetime.fromisoformat(since))


def _left(
    item: InHand, runs: list[Run], rules: CompiledJourneys, _around: Surroundings, _work: Work
) -> Iterable[Taken]:
    event: Exited = item.event
    ending = {each.journey.id for each in rules.by_segment.get(event.segment, ()) if each.journey.stay}
    return end_runs((run for run in runs if run.journey in ending and run.is_older(event.since)), LEFT_SEGMENT)


def _converted(
    item: InHand, runs: list[Run], _rules: CompiledJourneys, _around: Surroundings, _work: Work
) -> Iterable[Taken]:
    """A journey for customers goes on: its lead entered the segment by the conversion."""
    event: Converted = item.event
    return end_runs((run for run in runs if run.is_older(event.converted_at)), CONVERTED)


def _woken(
    item: InHand, runs: list[Run], _rules: CompiledJourneys, _around: Surroundings, _work: Work
) -> Iterable[Taken]:
    """The timer is used up: a run that has to wait yet, because clocks differ, gets it anew with its row."""
    for run in runs:
        run.changed = run.changed or (run.run_id == item.event.run_id and run.state == "active")
    return ()


def _redeeming(item: InHand) -> Redeeming | None:
    event: Behaved = item.event
    code = event.properties.get("code")
    if event.kind != REDEEMED_KIND or not isinstance(code, str) or len(code) > _LONGEST_CODE:
        return None
    amount, currency = _money(event.properties)
    return Redeeming(item.record.event_id, code.strip().upper(), amount, currency, event.occurred_at)


def _money(said: dict[str, Any]) -> tuple[str | None, str | None]:
    """`amount` and `currency`, or both in one as `120.00 EUR`; nothing where it is no money."""
    amount, _, also = str(said.get("amount", "")).strip().partition(" ")
    currency = said.get("currency") or also
    try:
        value = Decimal(amount)
    except InvalidOperation:
        return None, None
    sound = value.is_finite() and 0 <= value < Decimal(10) ** 15
    is_code = isinstance(currency, str) and len(currency) == 3 and currency.isascii() and currency.isalpha()
    return (f"{value:.2f}", currency.upper()) if sound and is_code else (None, None)


def _redeemed(item: InHand, redemption: Redemption | None) -> Outcome:
    if redemption is None:
        return Skipped("redeems_nothing", item.event.lead_id)
    return Produced("redeemed", (redeemed_event(item.record, redemption),), redemption.lead_id)


def redeemed_event(record: Record, said: Redemption) -> Any:
    """`offer.redeemed` of a step's offer."""
    at = rfc3339(said.redeemed_at)
    event = OfferRedeemed(**{**said._asdict(), "redeemed_at": at})
    data = event.__pydantic_serializer__.to_json(event)
    return STAGE.event(
        record, event.TYPE, topic=JOURNEYS, key=said.lead_id, data=data, time=at, discriminator=said.send_id
    )
