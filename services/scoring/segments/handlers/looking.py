"""The look at leads: whatever happens to a lead leads to one look at all that is known of it.

The lane keeps no decisions: what a record moved is kept under its event id, so that a redelivery publishes the same again,
and what it did not move may be looked at once more.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from services.scoring.segments.domain.inbound import NOTHING_CARRIED, Carried
from services.scoring.segments.domain.membership import find_segments
from services.scoring.segments.domain.standing import Standing, Told
from services.scoring.segments.ports import SegmentBook, SegmentModels
from shared.contracts.commands.segments import LookAtLead, LooksDue
from shared.contracts.envelope import rfc3339
from shared.contracts.events.segments import SegmentEntered, SegmentExited
from shared.contracts.ids import TIMERS, derive
from shared.contracts.topics import JOURNEYS
from shared.handling.outcomes import InHand, Outcome, OutEvent, Produced, Skipped, Stage
from shared.handling.records import Record
from shared.handling.work import Work
from shared.persistence.decisions import ClaimLost
from shared.persistence.timers import Timer, add_timers

STAGE: Final = Stage("scoring")
MOVED: Final = "moved"
UNMOVED: Final = "no_segment_moves"
# Leads whose moments lie within so many seconds share a timer: at most so late a lead moves by time alone.
SHARED_S: Final = 5


@dataclass(frozen=True, slots=True)
class Looks:
    """Looks at leads, whatever it was that happened to them."""

    rules: SegmentModels
    book: SegmentBook

    async def look(
        self,
        work: Work,
        causes: Mapping[str, Record],
        spent: frozenset[str] = frozenset(),
        carried: Mapping[str, Carried] = NOTHING_CARRIED,
    ) -> dict[str, list[Told]]:
        """What moves, by the event id of the record that led to the look at each lead. `spent` leads have no timer any
        more. A merged lead leaves what it was in, and its survivor is looked at instead. `carried`: what the records say
        of their leads, taken where that is the newest."""
        rules = await self.rules.read(work)
        survivors = await self.book.survivors(work, causes)
        causes = {**{survivor: causes[lead_id] for lead_id, survivor in survivors.items()}, **causes}
        standings = await self.book.lock(work, causes)
        if await self.book.survivors(work, causes) != survivors:
            raise ClaimLost("leads were merged meanwhile")
        asked, since = sorted(causes.keys() - survivors.keys()), rules.looks_back_to(work.now)
        known = await self.book.read(work, asked, since, carried)
        told: list[tuple[Record, Told]] = []
        for lead_id, cause in sorted(causes.items()):
            seen = known.get(lead_id)
            if seen is None and lead_id not in standings:
                continue
            standing = standings.setdefault(lead_id, Standing(lead_id, first_seen=work.now, changed=True))
            if lead_id in spent:
                standing.look_at = None
            found = None if seen is None else find_segments(seen, standing.first_seen, rules, now=work.now)
            moves = standing.become(found, rules, work.instant)
            told += [(cause, Told(cause.event_id, lead_id, move, work.instant, rules.version)) for move in moves]
        changed = [standing for standing in standings.values() if standing.changed]
        await self.book.save(work, changed, told)
        await _set_looks(work, changed)
        return _by_event(each for _, each in told)


async def tell(
    book: SegmentBook,
    looks: Looks,
    items: Sequence[InHand],
    leads: Sequence[Sequence[str]],
    work: Work,
    carried: Mapping[str, Carried] = NOTHING_CARRIED,
) -> Sequence[Outcome]:
    """One outcome for each record: what it moved when it came before, or moves now. Of several records about one lead the
    first one is its cause."""
    before = await book.told(work, [item.record for item in items])
    causes: dict[str, Record] = {}
    for item, lead_ids in zip(items, leads, strict=True):
        if item.record.event_id not in before:
            for lead_id in lead_ids:
                causes.setdefault(lead_id, item.record)
    now = await looks.look(work, causes, carried=carried) if causes else {}
    moved = {**before, **now}
    return [
        outcome_of(item.record, moved.pop(item.record.event_id, ()), lead_ids[0] if lead_ids else None)
        for item, lead_ids in zip(items, leads, strict=True)
    ]


def outcome_of(
    record: Record, moved: Sequence[Told], lead_id: str | None, events: tuple[OutEvent, ...] = ()
) -> Outcome:
    """What a record led to, as an outcome."""
    told = (*events, *(event_of(record, each) for each in moved))
    return Produced(MOVED, told, lead_id) if told else Skipped(UNMOVED, lead_id)


def event_of(record: Record, told: Told) -> OutEvent:
    """The event that says a move."""
    move = told.move
    event = (
        SegmentEntered(lead_id=told.lead_id, segment=move.segment, entered_at=told.at, rules_version=told.rules_version)
        if move.entered
        else SegmentExited(
            lead_id=told.lead_id,
            segment=move.segment,
            since=move.since or told.at,
            exited_at=told.at,
            reason=move.why,
            rules_version=told.rules_version,
        )
    )
    data = event.__pydantic_serializer__.to_json(event)
    return STAGE.event(
        record, event.TYPE, topic=JOURNEYS, key=told.lead_id, data=data, time=told.at, discriminator=move.segment
    )


async def _set_looks(work: Work, standings: Iterable[Standing]) -> None:
    """A lead whose moment has moved on leaves the timer that it shared, which finds it no more."""
    moments = {each.look_at for each in standings if each.retimed and each.look_at is not None}
    await add_timers(work, [looks_timer(until) for until in sorted({shared_moment(each) for each in moments})])


def shared_moment(moment: datetime) -> datetime:
    """When the timer of a moment is due, which all leads of these few seconds share."""
    seconds = -(-moment.timestamp() // SHARED_S) * SHARED_S
    return datetime.fromtimestamp(seconds, UTC)


def looks_timer(until: datetime) -> Timer:
    """The timer of all looks in the seconds up to this moment."""
    since, last = rfc3339(until - timedelta(seconds=SHARED_S)), rfc3339(until)
    return Timer(LooksDue.TYPE, derive(TIMERS, LooksDue.TYPE, last), until, {"since": since, "until": last})


def overdue_timer(since: datetime, now: datetime) -> Timer:
    """The timer of looks since a moment that nobody came for."""
    payload = {"since": rfc3339(since), "until": rfc3339(now)}
    return Timer(LooksDue.TYPE, derive(TIMERS, LooksDue.TYPE, "overdue"), now, payload)


def look_timer(lead_id: str, due_at: datetime, name: str = "") -> Timer:
    """The timer of a look at one lead."""
    return Timer(LookAtLead.TYPE, lead_id, due_at, {"lead_id": lead_id}, name)


def _by_event(told: Iterable[Told]) -> dict[str, list[Told]]:
    found: dict[str, list[Told]] = {}
    for each in told:
        found.setdefault(each.event_id, []).append(each)
    return found
