"""Use case of a score's timer: its grade, level or temperature is told anew when time alone has made it another."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.scoring.domain.scoring import CompiledModel
from services.scoring.domain.standing import Standing, turn
from services.scoring.handlers.outcomes import scored, settle, subjects
from services.scoring.ports import Models, Standings
from shared.contracts.commands.scoring import TurnScore
from shared.handling.outcomes import InHand, Outcome, Skipped
from shared.handling.work import Work
from shared.messaging.timers import NOT_LIVE


@dataclass(frozen=True, slots=True)
class TurnScores:
    """Tell each crossing once, as of the instant at which it was due: after an outage one after the other. The timer of the
    next one is set."""

    models: Models
    standings: Standings

    async def __call__(self, items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        """Leads are locked first and their timers then, as by everybody who sets them: no two wait for each other."""
        model = await self.models.read(work)
        fresh = [item for item in items if item.decision is None]
        known = await self.standings.lock(work, {item.event.lead_id for item in fresh} | subjects(items))
        live = await self.standings.take_timers(work, [_setting(item.event) for item in fresh])

        def outcome(item: InHand) -> Outcome:
            due: TurnScore = item.event
            if _setting(due) not in live:
                return Skipped(NOT_LIVE, due.lead_id)
            live.discard(_setting(due))
            standing = known.get(due.lead_id)
            if standing is None:
                return Skipped("unknown_lead", due.lead_id)
            standing.timer_at = None
            return _turned(item, standing, model, work)

        return await settle(self.standings, work, items, known, outcome)


def _turned(item: InHand, standing: Standing, model: CompiledModel, work: Work) -> Outcome:
    if standing.erased or standing.merged_into is not None or standing.origin is None:
        standing.turns_at, standing.changed = None, True
        return Skipped("erased" if standing.erased else "merged_away", standing.lead_id)
    weighed = turn(standing, model, now=item.event.due_at)
    if weighed is None:
        return Skipped("says_the_same", standing.lead_id)
    return scored(item, standing, weighed, work.instant)


def _setting(due: TurnScore) -> tuple[str, int]:
    return due.timer_id, due.generation
