"""`JourneyBook` in Postgres: runs, their steps, what is to be sent."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import orjson

from services.scoring.journeys.adapters.offers import PostgresOffers
from services.scoring.journeys.adapters.surroundings import around_of
from services.scoring.journeys.domain.running import CompiledJourneys, Run, Taken
from services.scoring.journeys.ports import Surroundings, ToldStep
from services.scoring.segments.adapters.book import PostgresSegmentBook
from shared.contracts.commands.journeys import StepDue
from shared.contracts.envelope import rfc3339
from shared.handling.records import Record
from shared.handling.work import Work
from shared.persistence import aliases
from shared.persistence.rows import add_rows
from shared.persistence.timers import Timer, cancel_timers, set_timers, timer_id

_TOLD: Final = """
    SELECT event_id::text, topic_id::text, partition, "offset", seq, at, rules_version, run_id::text, lead_id::text,
           journey, step, action, reason, send_id::text, channel, template, code, valid_until
    FROM journey_steps WHERE event_id = ANY($1::uuid[]) ORDER BY event_id, seq
"""
_RUNS: Final = """
    SELECT run_id::text, lead_id::text, journey, entered_at, step, state, reason, due_at, since FROM journey_runs
    WHERE lead_id = ANY($1::uuid[]) ORDER BY journey_runs.lead_id, entered_at DESC, journey_runs.run_id FOR UPDATE
"""
_RUN_COLUMNS: Final = (
    "run_id", "lead_id", "journey", "entered_at", "step", "state", "reason", "due_at", "since", "updated_at",
)  # fmt: skip
_UPDATE: Final = """
    UPDATE journey_runs r SET step = u.step, state = u.state, reason = u.reason, due_at = u.due_at, updated_at = $6
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
         AS u (run_id, step, state, reason, due_at)
    WHERE r.run_id = u.run_id
"""
_STEP_COLUMNS: Final = (
    "event_id", "topic_id", "partition", "offset", "seq", "at", "rules_version", "run_id", "lead_id", "journey", "step",
    "action", "reason", "send_id", "channel", "template", "code", "valid_until",
)  # fmt: skip
_SEND: Final = """
    INSERT INTO journey_sends (send_id, run_id, lead_id, journey, step, channel, code, valid_until, rules_version,
                               decided_at, due_at)
    SELECT u.*, $10, $10 FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[],
                                     $8::timestamptz[], $9::int[]) AS u
    ON CONFLICT (send_id) DO NOTHING
"""
_SENDS: Final = """
    SELECT lead_id::text, channel, decided_at FROM journey_sends
    WHERE lead_id = ANY($1::uuid[]) AND decided_at > $2 AND state <> 'dropped'
"""
_MEMBERS: Final = "SELECT lead_id::text, members::text FROM segment_leads WHERE lead_id = ANY($1::uuid[])"
_PAGE: Final = """
    SELECT lead_id::text FROM segment_leads WHERE members ? $1 AND ($2::uuid IS NULL OR lead_id > $2)
    ORDER BY segment_leads.lead_id LIMIT $3
"""
_RELEASE: Final = """
    UPDATE journey_sends SET state = 'released' WHERE send_id = ANY($1::uuid[]) AND state = 'decided'
"""
_DROP: Final = """
    UPDATE journey_sends SET state = 'dropped', reason = 'run_ended'
    WHERE run_id = ANY($1::uuid[]) AND state IN ('decided', 'released')
"""


class PostgresJourneyBook(PostgresOffers):
    """See services.scoring.journeys.ports.JourneyBook."""

    def __init__(self, segments: PostgresSegmentBook) -> None:
        self._segments = segments

    async def told(self, work: Work, records: Sequence[Record]) -> Mapping[str, list[ToldStep]]:
        places = {r.event_id: (r.topic_id, r.partition, r.offset) for r in records}
        found: dict[str, list[ToldStep]] = {}
        for row in await work.fetch(_TOLD, list(places)):
            event_id, topic_id, partition, offset, seq, at, version, *step = row
            if places[event_id] == (topic_id, partition, offset):
                found.setdefault(event_id, []).append(ToldStep(Taken(*step), seq, rfc3339(at), version))
        return found

    async def lock(self, work: Work, lead_ids: Iterable[str]) -> dict[str, list[Run]]:
        found: dict[str, list[Run]] = {}
        for row in await work.fetch(_RUNS, sorted(lead_ids)):
            found.setdefault(row["lead_id"], []).append(Run(**dict(row), stored=True))
        return found

    async def around(
        self, work: Work, runs: Mapping[str, Sequence[Run]], lead_ids: Iterable[str], rules: CompiledJourneys
    ) -> dict[str, Surroundings]:
        asked = sorted(lead_ids)
        began = (run.entered_at for of_lead in runs.values() for run in of_lead if run.state == "active")
        # What happened at the very moment at which a run began counts for it.
        known = await self._segments.read(work, asked, min(began, default=work.now) - timedelta(microseconds=1))
        members = {lead_id: orjson.loads(each) for lead_id, each in await work.fetch(_MEMBERS, asked)}
        sends: dict[str, list[Any]] = {}
        for lead_id, channel, at in await work.fetch(_SENDS, asked, work.now - rules.longest_cap):
            sends.setdefault(lead_id, []).append((channel, at))
        return {
            lead_id: around_of(known.get(lead_id), members.get(lead_id, {}), sends.get(lead_id, []), rules)
            for lead_id in asked
        }

    async def save(self, work: Work, runs: Sequence[Run], steps: Sequence[tuple[Record, ToldStep]]) -> None:
        """Raises ClaimLost (try again) when another worker began the same journey of a lead."""
        ordered = sorted(runs, key=lambda run: run.run_id)
        if known := [run for run in ordered if run.stored]:
            await work.execute(
                _UPDATE, [r.run_id for r in known], [r.step for r in known], [r.state for r in known],
                [r.reason for r in known], [r.due_at for r in known], work.now,
            )  # fmt: skip
        if new := [_run_row(run, work) for run in ordered if not run.stored]:
            await add_rows(work, "journey_runs", _RUN_COLUMNS, new)
        if steps:
            await add_rows(work, "journey_steps", _STEP_COLUMNS, [_step_row(*step, work) for step in steps])
        if sends := [_send_row(told) for _, told in steps if told.taken.send_id is not None]:
            await work.execute(_SEND, *zip(*sends, strict=True), work.now)
        await set_timers(work, [step_timer(run) for run in ordered if run.due_at is not None])
        await cancel_timers(work, [timer_id(StepDue.TYPE, run.run_id) for run in ordered if run.due_at is None])

    async def release(self, work: Work, send_ids: Sequence[str]) -> None:
        if send_ids:
            await work.execute(_RELEASE, send_ids)

    async def drop(self, work: Work, run_ids: Sequence[str]) -> None:
        if run_ids:
            await work.execute(_DROP, run_ids)

    async def members(self, work: Work, segment: str, after: str | None, limit: int) -> Sequence[str]:
        return [row["lead_id"] for row in await work.fetch(_PAGE, segment, after, limit)]

    async def family(self, work: Work, lead_ids: Iterable[str]) -> Mapping[str, str]:
        return await aliases.resolve(work, lead_ids)


def step_timer(run: Run) -> Timer:
    """The timer of a run that waits."""
    assert run.due_at is not None
    return Timer(StepDue.TYPE, run.run_id, run.due_at, {"run_id": run.run_id, "lead_id": run.lead_id})


def _run_row(run: Run, work: Work) -> tuple[Any, ...]:
    """In the order of _RUN_COLUMNS."""
    return (
        run.run_id, run.lead_id, run.journey, run.entered_at, run.step, run.state, run.reason, run.due_at, run.since,
        work.now,
    )  # fmt: skip


def _step_row(record: Record, told: ToldStep, work: Work) -> tuple[Any, ...]:
    """In the order of _STEP_COLUMNS."""
    return (
        record.event_id, record.topic_id, record.partition, record.offset, told.seq, work.now, told.rules_version,
        *told.taken,
    )  # fmt: skip


def _send_row(told: ToldStep) -> tuple[Any, ...]:
    taken = told.taken
    return (
        taken.send_id, taken.run_id, taken.lead_id, taken.journey, taken.step, taken.channel, taken.code,
        taken.valid_until, told.rules_version,
    )  # fmt: skip
