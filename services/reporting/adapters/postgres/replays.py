"""Replays in Postgres: who asked for which, what became of each, and of all that were asked for together."""

from collections.abc import Mapping
from typing import Any, Final

from services.reporting.domain.rows import ReplayRow, columns
from shared.contracts.commands.replay import ReplayRecord
from shared.contracts.envelope import rfc3339
from shared.handling.work import Work

# The request and the completion come on different topics, in any order: each fills what the other left open.
_SAVE: Final = """
    INSERT INTO replays AS r (command_id, run_id, parked_id, first_id, service, requested_by, note, edited, requested_at,
                              status, outcome, reason, completed_at)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::bool[],
                         $9::timestamptz[], $10::text[], $11::text[], $12::text[], $13::timestamptz[])
    ON CONFLICT (command_id) DO UPDATE
    SET run_id = COALESCE(r.run_id, excluded.run_id), parked_id = COALESCE(r.parked_id, excluded.parked_id),
        first_id = COALESCE(r.first_id, excluded.first_id), service = COALESCE(r.service, excluded.service),
        requested_by = COALESCE(r.requested_by, excluded.requested_by), note = COALESCE(r.note, excluded.note),
        edited = COALESCE(r.edited, excluded.edited), requested_at = COALESCE(r.requested_at, excluded.requested_at),
        status = COALESCE(r.status, excluded.status), outcome = COALESCE(r.outcome, excluded.outcome),
        reason = COALESCE(r.reason, excluded.reason), completed_at = COALESCE(r.completed_at, excluded.completed_at)
"""

# What another service answered is found where this one's own commands are: `GET /v1/commands/{id}`.
_ANSWERS: Final = """
    INSERT INTO commands (command_id, command, status, reason, result, completed_at)
    SELECT u.id, $6, u.status, u.reason, u.result::jsonb, u.at
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[]) AS u (id, status, reason, result, at)
    ON CONFLICT (command_id) DO NOTHING
"""

_OF_LETTER: Final = """
    SELECT command_id::text, parked_id::text, requested_by, note, edited, requested_at, status, outcome, reason,
           completed_at
    FROM replays WHERE first_id = $1 ORDER BY noted_at, command_id LIMIT 200
"""

_OF_RUN: Final = """
    SELECT service, status, outcome, reason, count(*) AS count FROM replays WHERE run_id = $1
    GROUP BY service, status, outcome, reason ORDER BY service, status, outcome, reason
"""

_FORGET: Final = """
    DELETE FROM replays WHERE command_id IN (SELECT command_id FROM replays WHERE noted_at < $1 LIMIT $2)
"""


async def save_replays(work: Work, replays: Mapping[str, ReplayRow]) -> None:
    """Write what a batch tells of replays, sorted, so that two batches lock them in the same order."""
    rows = [replays[command_id] for command_id in sorted(replays)]
    *told, _ = columns(rows, 14)
    await work.execute(_SAVE, *told)
    done = [row for row in rows if row.status is not None and row.completed_at is not None]
    if done:
        answers = [(r.command_id, r.status, r.reason, r.result or "{}", r.completed_at) for r in done]
        await work.execute(_ANSWERS, *columns(answers, 5), ReplayRecord.TYPE)


async def replays_of(work: Work, first_id: str) -> list[dict[str, Any]]:
    """Every replay of a record, first to last."""
    return [_plain(row) for row in await work.fetch(_OF_LETTER, first_id)]


async def run_counts(work: Work, run_id: str) -> list[dict[str, Any]]:
    """What became of the replays of a run; `status` is None for those under way."""
    return [dict(row) for row in await work.fetch(_OF_RUN, run_id)]


async def forget_replays(work: Work, before: Any, *, limit: int) -> int:
    """Delete what was noted before an instant; returns how many, at most `limit`."""
    status = await work.db.execute(_FORGET, before, limit)
    return int(status.rsplit(" ", 1)[1])


def _plain(row: Any) -> dict[str, Any]:
    return {name: rfc3339(value) if hasattr(value, "isoformat") else value for name, value in row.items()}
