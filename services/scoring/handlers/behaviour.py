"""Use cases of behaviour: what leads do is kept, and their scores are told anew where it makes a difference."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from services.scoring.domain.behaviour import Log, note_corrected, note_told
from services.scoring.domain.scoring import CompiledModel
from services.scoring.domain.standing import Standing, rescore
from services.scoring.handlers.outcomes import scored, settle, standing_of, subjects
from services.scoring.ports import Models, Standings
from shared.handling.outcomes import InHand, Outcome, Produced, Skipped
from shared.handling.work import Work
from shared.persistence.aliases import Survivor
from shared.persistence.decisions import ClaimLost

Note = Callable[[Log, InHand], bool]
COUNTED = "counted"
KEPT = "kept"


def note_behaved(log: Log, item: InHand) -> bool:
    """Take what a `lead.behaved` tells into the log; whether that is news."""
    return note_told(log, item.record.event_id, item.event)


def note_seen_otherwise(log: Log, item: InHand) -> bool:
    """Take what a `behaviour.corrected` tells into the log; whether that is news."""
    return note_corrected(log, item.event)


@dataclass(frozen=True, slots=True)
class FollowBehaviour:
    """Keep what leads do, whoever they were merged into. A lead's score is told once a batch, by the last record of it, and only
    where it says something else than before. What comes before its lead is kept, and counts with the first submission."""

    models: Models
    standings: Standings
    note: Note

    async def __call__(self, items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        """One outcome a record; one log written for each lead that was told of."""
        model = await self.models.read(work)
        told = {item.event.lead_id for item in items if item.decision is None}
        moved = await self.standings.survivors(work, told)
        survivors = {each.lead_id for each in moved.values()}
        known = await self.standings.lock(work, told | survivors | subjects(items), all_logs=True)
        if await self.standings.survivors(work, told) != moved:
            raise ClaimLost("leads were merged meanwhile")
        placed = [self._place(item, moved, known) for item in items]
        last = {standing.lead_id: item for item, standing in zip(items, placed, strict=True) if standing is not None}
        found = {id(item): standing for item, standing in zip(items, placed, strict=True)}

        def outcome(item: InHand) -> Outcome:
            standing = found[id(item)]
            survivor = _survivor(item, moved)
            if standing is None:
                return (
                    Skipped("erased", survivor) if _is_erased(item, survivor, known) else Skipped("no_news", survivor)
                )
            return _told(item, standing, model, work) if last[standing.lead_id] is item else _counted(standing)

        return await settle(self.standings, work, items, known, outcome)

    def _place(self, item: InHand, moved: Mapping[str, Survivor], known: dict[str, Standing]) -> Standing | None:
        """The standing that the record was added to; None where it was not."""
        survivor = _survivor(item, moved)
        if item.decision is not None or _is_erased(item, survivor, known):
            return None
        standing = standing_of(known, survivor)
        if not self.note(standing.log_of(item.event.lead_id), item):
            return None
        standing.relog(item.event.lead_id)
        return standing


def _survivor(item: InHand, moved: Mapping[str, Survivor]) -> str:
    lead_id: str = item.event.lead_id
    return moved[lead_id].lead_id if lead_id in moved else lead_id


def _is_erased(item: InHand, survivor: str, known: Mapping[str, Standing]) -> bool:
    named = (known.get(lead_id) for lead_id in (item.event.lead_id, survivor))
    return any(standing is not None and standing.erased for standing in named)


def _told(item: InHand, standing: Standing, model: CompiledModel, work: Work) -> Outcome:
    if standing.origin is None:
        return Produced(KEPT, subject=standing.lead_id)
    weighed = rescore(standing, model, now=work.instant)
    return _counted(standing) if weighed is None else scored(item, standing, weighed, work.instant)


def _counted(standing: Standing) -> Outcome:
    return Produced(COUNTED if standing.origin is not None else KEPT, subject=standing.lead_id)
