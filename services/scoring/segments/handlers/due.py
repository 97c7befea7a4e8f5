"""Timers of segments: looks that time asks for, pages of a recount, dates to come back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.scoring.segments.domain.interest import RESUMED
from services.scoring.segments.domain.membership import Interest
from services.scoring.segments.domain.standing import Told
from services.scoring.segments.handlers.following import interest_changed
from services.scoring.segments.handlers.looking import STAGE, Looks, outcome_of
from services.scoring.segments.ports import Look, SegmentBook, Statement
from shared.contracts.commands.segments import LookAtLead, LooksDue, RecountDue, ResumeInterest
from shared.contracts.envelope import rfc3339
from shared.contracts.topics import SCORING_COMMANDS
from shared.handling.outcomes import InHand, Outcome, OutEvent, Produced, Skipped
from shared.handling.records import Record
from shared.handling.work import Work
from shared.messaging.timers import NOT_LIVE
from shared.persistence.timers import Timer, set_timers, take_timers

PAGE: Final = 500
NAMED: Final = "leads_named"
NOBODY: Final = "nobody_is_due"
_AUTHOR: Final = "leadstream/scoring/timers"


async def live_ones(items: Sequence[InHand], work: Work) -> list[InHand]:
    """Those whose timers stand, each used up by that. (This lane keeps no decisions: what was moved before is found by its
    event id, before this is asked.)"""
    live = await take_timers(work, [(item.event.timer_id, item.event.generation) for item in items])
    found: list[InHand] = []
    for item in items:
        setting = (item.event.timer_id, item.event.generation)
        if setting in live:
            live.discard(setting)
            found.append(item)
    return found


@dataclass(frozen=True, slots=True)
class NameLooks:
    """The use case of `segments.looks_due`: names those whose moment has come, a bounded number, each in a command of its
    own, so that what happens to a lead stays in one order. A redelivery names them again; a look too many moves nothing."""

    book: SegmentBook

    async def __call__(self, items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        """See shared.messaging.subscription.UseCase."""
        live = {item.record.event_id for item in await live_ones(items, work)}
        return [await self._page(item, item.record.event_id in live, work) for item in items]

    async def _page(self, item: InHand, live: bool, work: Work) -> Outcome:
        due: LooksDue = item.event
        since, until = datetime.fromisoformat(due.since), datetime.fromisoformat(due.until)
        found = await self.book.due(work, since, due.after, until, PAGE)
        if live and len(found) == PAGE:
            await set_timers(work, [_next_page(item, found[-1], work)])
        return Produced(NAMED, tuple(_look_event(item, each) for each in found)) if found else Skipped(NOBODY)


@dataclass(frozen=True, slots=True)
class LookWhenDue:
    """The use case of `segments.look`."""

    looks: Looks
    book: SegmentBook

    async def __call__(self, items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        """Leads are locked first and their timers then, as by everybody who looks: no two wait for each other."""
        before = await self.book.told(work, [item.record for item in items])
        new = [item for item in items if item.record.event_id not in before]
        named = {_lead(item) for item in new}
        await self.book.lock(work, named.union((await self.book.survivors(work, named)).values()))
        live = [item for item in new if item.event.of_page]
        live += await live_ones([item for item in new if not item.event.of_page], work)
        causes: dict[str, Record] = {}
        for item in live:
            causes.setdefault(item.event.lead_id, item.record)
        now = await self.looks.look(work, causes, frozenset(causes)) if causes else {}
        moved, looked = {**before, **now}, {item.record.event_id for item in live} | before.keys()
        return [
            outcome_of(item.record, moved.get(item.record.event_id, ()), _lead(item))
            if item.record.event_id in looked
            else Skipped(NOT_LIVE, _lead(item))
            for item in items
        ]


@dataclass(frozen=True, slots=True)
class RecountsDue:
    """The use case of `segments.recount_due`: a bounded number of leads, then the next timer."""

    looks: Looks
    book: SegmentBook

    async def __call__(self, items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        """See shared.messaging.subscription.UseCase."""
        before = await self.book.told(work, [item.record for item in items])
        live = await live_ones([item for item in items if item.record.event_id not in before], work)
        now = {item.record.event_id: await self._page(item, work) for item in live}
        moved = {**before, **now}
        return [
            outcome_of(item.record, moved[item.record.event_id], None)
            if item.record.event_id in moved
            else Skipped(NOT_LIVE)
            for item in items
        ]

    async def _page(self, item: InHand, work: Work) -> Sequence[Told]:
        due: RecountDue = item.event
        leads = await self.book.page(work, due.after, PAGE)
        told = (await self.looks.look(work, dict.fromkeys(leads, item.record))).get(item.record.event_id, [])
        ended = len(leads) < PAGE
        await self.book.count_run(work, due.run_id, len(leads), len({each.lead_id for each in told}), ended=ended)
        if not ended:
            await set_timers(work, [recount_timer(due.run_id, leads[-1], work)])
        return told


@dataclass(frozen=True, slots=True)
class ResumesDue:
    """The use case of `interest.resume`: who had put off is interested again, and is looked at. Of a lead that was merged
    meanwhile, what its winner was said to be stands."""

    looks: Looks
    book: SegmentBook

    async def __call__(self, items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        """See shared.messaging.subscription.UseCase."""
        records = [item.record for item in items]
        before, resumed = await self.book.told(work, records), await self.book.stated_by(work, records)
        live = await live_ones([item for item in items if item.record.event_id not in resumed], work)
        named = {_lead(item) for item in live}
        moved_to = await self.book.survivors(work, named)
        standing = await self.book.newest(work, sorted(named.union(moved_to.values())))
        fresh = [
            Statement(item.record.event_id, _lead(item), RESUMED, work.now, _AUTHOR)
            for item in live
            if _is_due(standing.get(moved_to.get(_lead(item), _lead(item))), work.now)
        ]
        await self.book.state(work, fresh)
        resumed = {**resumed, **{each.event_id: each for each in fresh}}
        causes = {item.event.lead_id: item.record for item in live if item.record.event_id in resumed}
        moved = {**before, **(await self.looks.look(work, causes) if causes else {})}
        return [_resumed(item, resumed.get(item.record.event_id), moved) for item in items]


def _is_due(said: Interest | None, now: datetime) -> bool:
    """Whether what stands is a date to come back that has come."""
    return said is not None and said.interest == "not_now" and said.resume_at is not None and said.resume_at <= now


def _resumed(item: InHand, said: Statement | None, moved: Mapping[str, Sequence[Told]]) -> Outcome:
    if said is None:
        return Skipped(NOT_LIVE, _lead(item))
    record = item.record
    return outcome_of(record, moved.get(record.event_id, ()), said.lead_id, (interest_changed(record, said),))


def recount_timer(run_id: str, after: str | None, work: Work) -> Timer:
    """The timer of a recount's next page, due at once."""
    return Timer(RecountDue.TYPE, run_id, work.now, {"run_id": run_id, "after": after})


def _next_page(item: InHand, last: Look, work: Work) -> Timer:
    due: LooksDue = item.event
    payload = {"since": rfc3339(last.at), "until": due.until, "after": last.lead_id}
    return Timer(LooksDue.TYPE, item.record.event_id, work.now, payload)


def _look_event(item: InHand, look: Look) -> OutEvent:
    due: LooksDue = item.event
    said = LookAtLead(
        timer_id=due.timer_id, generation=due.generation, due_at=rfc3339(look.at), lead_id=look.lead_id, of_page=True
    )
    data = said.__pydantic_serializer__.to_json(said)
    return STAGE.event(item.record, said.TYPE, topic=SCORING_COMMANDS, key=look.lead_id, data=data, time=due.due_at)


def _lead(item: InHand) -> str:
    event: LookAtLead | ResumeInterest = item.event
    return event.lead_id
