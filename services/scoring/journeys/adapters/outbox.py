"""What is to be sent, in Postgres: leased by one process at a time, tried again ever later, given up after three days."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from shared.handling.work import Work

_LEASE: Final = """
    WITH first AS (
        SELECT send_id FROM journey_sends
        WHERE state = 'released' AND due_at <= $1 AND (leased_until IS NULL OR leased_until <= $1)
        ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED
    )
    UPDATE journey_sends s SET leased_until = $3 FROM first f WHERE s.send_id = f.send_id
    RETURNING s.send_id::text, s.run_id::text, s.lead_id::text, s.journey, s.step, s.channel, s.code, s.valid_until,
              s.decided_at, s.attempts
"""
_LEADS: Final = """
    SELECT s.lead_id::text, s.lead::text FROM lead_scores s
    WHERE s.lead_id = ANY($1::uuid[]) AND NOT s.erased AND s.merged_into IS NULL
"""
_SETTLE: Final = """
    UPDATE journey_sends SET state = $2, reason = $3, settled_at = $4, attempts = attempts + 1, leased_until = NULL
    WHERE send_id = $1 AND state = 'released'
"""
_AGAIN: Final = """
    UPDATE journey_sends SET due_at = $2, reason = $3, attempts = attempts + 1, leased_until = NULL
    WHERE send_id = $1 AND state = 'released'
"""


@dataclass(frozen=True, slots=True)
class ToSend:
    """A message that may go out."""

    send_id: str
    run_id: str
    lead_id: str
    journey: str
    step: str
    channel: str
    code: str | None
    valid_until: datetime | None
    decided_at: datetime
    attempts: int


async def lease(work: Work, most: int, held: timedelta) -> list[ToSend]:
    """Messages that nobody else sends meanwhile; a lease that was not used ends by itself."""
    return [ToSend(**dict(row)) for row in await work.fetch(_LEASE, work.now, most, work.now + held)]


async def read_leads(work: Work, lead_ids: Sequence[str]) -> dict[str, bytes]:
    """The newest state of leads that are there, as JSON."""
    return {row["lead_id"]: row["lead"].encode() for row in await work.fetch(_LEADS, lead_ids)}


async def settle(work: Work, send_id: str, state: str, reason: str | None) -> None:
    """Sent, failed or dropped, for good."""
    await work.execute(_SETTLE, send_id, state, reason, work.now)


async def postpone(work: Work, send_id: str, due_at: datetime, reason: str) -> None:
    """To be tried again."""
    await work.execute(_AGAIN, send_id, due_at, reason)
