"""Enrolment: with its publication a journey may begin for those who are in its segment already, page by page."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.scoring.journeys.domain.inbound import Entered
from services.scoring.journeys.domain.model import load_journey_rules
from services.scoring.journeys.domain.running import CompiledJourney, CompiledJourneys, Run, Taken
from services.scoring.journeys.handlers.following import begun
from services.scoring.journeys.handlers.moving import Happens, Moves, outcome_of
from services.scoring.journeys.ports import Surroundings, ToldStep
from shared.contracts.commands.journeys import EnrolDue
from shared.handling.outcomes import InHand, Outcome, Skipped
from shared.handling.work import Work
from shared.messaging.commands import Done, Obey, Refused
from shared.messaging.timers import NOT_LIVE
from shared.persistence.timers import Timer, set_timers, take_timers

PAGE: Final = 500
MEMBERS: Final = "members"


@dataclass(frozen=True, slots=True)
class EnrolmentsDue:
    """The use case of `journey.enrol_due`: a bounded number of leads, then the next timer. What would let a lead begin on
    entering lets it begin here, so that each begins once, whatever else is published or enters meanwhile."""

    moves: Moves

    async def __call__(self, items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        """See shared.messaging.subscription.UseCase."""
        before = await self.moves.book.told(work, [item.record for item in items])
        waiting = [item for item in items if item.record.event_id not in before]
        live = await take_timers(work, [(item.event.timer_id, item.event.generation) for item in waiting])
        standing = [item for item in waiting if (item.event.timer_id, item.event.generation) in live]
        rules = await self.moves.rules.read(work)
        told: dict[str, Sequence[ToldStep]] = dict(before)
        for item in standing:
            told.update(await self._page(item, rules, work))
        return [
            outcome_of(item.record, told[item.record.event_id], None)
            if item.record.event_id in told
            else Skipped(NOT_LIVE)
            for item in items
        ]

    async def _page(self, item: InHand, rules: CompiledJourneys, work: Work) -> Mapping[str, Sequence[ToldStep]]:
        due: EnrolDue = item.event
        compiled = rules.journeys.get(due.journey)
        if compiled is None or compiled.journey.enrol != MEMBERS:
            return {item.record.event_id: ()}  # other rules are live by now
        segment = compiled.journey.segment
        leads = await self.moves.book.members(work, segment, due.after, PAGE)
        if len(leads) == PAGE:
            await set_timers(work, [enrol_timer(due.run_id, due.journey, leads[-1], work)])
        each = [item._replace(event=Entered(lead_id=lead_id, segment=segment)) for lead_id in leads]
        told = await self.moves.move(each, leads, _beginning(compiled), work)
        return {item.record.event_id: told.get(item.record.event_id, ())}


def _beginning(compiled: CompiledJourney) -> Happens:
    def begins(
        item: InHand, runs: list[Run], _rules: CompiledJourneys, around: Surroundings, work: Work
    ) -> Iterable[Taken]:
        since = around.members.get(compiled.journey.segment)
        if since is None:
            return ()  # left meanwhile
        return begun(compiled, item.event.lead_id, item, runs, datetime.fromisoformat(since), work)

    return begins


def then_enrol(publish: Obey) -> Obey:
    """Publishing that begins the journeys with `enrol: members` for those who are there."""

    async def obey(item: InHand, work: Work) -> Done | Refused:
        answer = await publish(item, work)
        if item.decision is None and isinstance(answer, Done):
            published = load_journey_rules(item.event.document).model.journeys
            enrolling = [each.id for each in published if each.enrol == MEMBERS]
            await set_timers(work, [enrol_timer(item.record.event_id, each, None, work) for each in enrolling])
        return answer

    return obey


def enrol_timer(run_id: str, journey: str, after: str | None, work: Work) -> Timer:
    """The timer of an enrolment's next page, due at once."""
    return Timer(EnrolDue.TYPE, run_id, work.now, {"run_id": run_id, "journey": journey, "after": after}, journey)
