"""Moving runs on, whatever it was that happened; the lane keeps no decisions, as that of segments (ADR 24)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from services.scoring.journeys.domain.running import CompiledJourneys, Run, Taken, advance
from services.scoring.journeys.ports import JourneyBook, JourneyModels, Surroundings, ToldStep
from shared.contracts.envelope import rfc3339
from shared.contracts.events.behaviour import JourneyAdvanced
from shared.contracts.topics import JOURNEYS
from shared.handling.outcomes import InHand, Outcome, OutEvent, Produced, Skipped, Stage
from shared.handling.records import Record
from shared.handling.work import Work

STAGE: Final = Stage("scoring")
ADVANCED: Final = "advanced"
UNMOVED: Final = "no_journey_moves"

Happens: TypeAlias = Callable[[InHand, list[Run], CompiledJourneys, Surroundings, Work], Iterable[Taken]]
"""What a record does to the runs of its lead before they move on: begins some, ends others. Changes the list."""
Matters: TypeAlias = Callable[[InHand, CompiledJourneys], bool]
"""Whether a record can do anything with these rules; most segments begin no journey."""


@dataclass(frozen=True, slots=True)
class Moves:
    """Moves the runs of leads."""

    rules: JourneyModels
    book: JourneyBook

    async def move(
        self,
        items: Sequence[InHand],
        leads: Sequence[str],
        happens: Happens,
        work: Work,
        matters: Matters = lambda _item, _rules: True,
    ) -> Mapping[str, Sequence[ToldStep]]:
        """What each record led to, by event id: now, or when it came before. A record may come with several leads."""
        told = dict(await self.book.told(work, [item.record for item in items]))
        rules = await self.rules.read(work)
        fresh = [
            (item, lead)
            for item, lead in zip(items, leads, strict=True)
            if item.record.event_id not in told and matters(item, rules)
        ]
        if not fresh:
            return told
        runs = await self.book.lock(work, {lead for _, lead in fresh})
        around = await self.book.around(work, runs, {lead for _, lead in fresh}, rules)
        steps: list[tuple[Record, ToldStep]] = []
        for item, lead in fresh:
            of_lead = runs.setdefault(lead, [])
            taken = [*happens(item, of_lead, rules, around[lead], work), *_advanced(of_lead, rules, around[lead], work)]
            of_record = told.setdefault(item.record.event_id, [])
            made = [ToldStep(each, seq, work.instant, rules.version) for seq, each in enumerate(taken, len(of_record))]
            of_record += made
            steps += [(item.record, each) for each in made]
        changed = [run for of_lead in runs.values() for run in of_lead if run.changed]
        await self.book.save(work, changed, steps)
        await self.book.drop(work, [run.run_id for of_lead in runs.values() for run in of_lead if run.silenced])
        return told


def _advanced(runs: Iterable[Run], rules: CompiledJourneys, around: Surroundings, work: Work) -> list[Taken]:
    """What the runs that wait for nothing take."""
    ready = [run for run in runs if run.state == "active" and (run.due_at is None or run.due_at <= work.now)]
    return [taken for run in ready for taken in advance(run, rules, around.of(run), now=work.now)]


def outcome_of(record: Record, told: Sequence[ToldStep], lead_id: str | None) -> Outcome:
    """The steps as events."""
    events = tuple(event_of(record, each) for each in told)
    return Produced(ADVANCED, events, lead_id) if events else Skipped(UNMOVED, lead_id)


def event_of(record: Record, told: ToldStep) -> OutEvent:
    """`journey.advanced` of a step."""
    taken = told.taken
    event = JourneyAdvanced(
        lead_id=taken.lead_id,
        journey=taken.journey,
        step=taken.step,
        advanced_at=told.at,
        run_id=taken.run_id,
        action=taken.action,
        reason=taken.reason,
        send_id=taken.send_id,
        channel=taken.channel,
        template=taken.template,
        code=taken.code,
        until=None if taken.valid_until is None else rfc3339(taken.valid_until),
        rules_version=told.rules_version,
    )
    data = event.__pydantic_serializer__.to_json(event)
    discriminator = f"{taken.run_id}/{told.seq}"
    return STAGE.event(
        record, event.TYPE, topic=JOURNEYS, key=taken.lead_id, data=data, time=told.at, discriminator=discriminator
    )
