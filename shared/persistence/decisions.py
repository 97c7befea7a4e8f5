"""The stored decisions: what was decided for each event, so that a redelivery gets the same answer."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import asyncpg
import orjson

from shared.contracts import ids
from shared.contracts.envelope import rfc3339
from shared.handling.outcomes import DEAD_LETTERED, REJECTED, Decision
from shared.handling.records import Record
from shared.handling.work import Work


class ClaimLost(Exception):
    """Another worker decided one of these events meanwhile. Roll back and look again."""


class Claim(NamedTuple):
    """A decision that stands, and the coordinates of the record that it was made for."""

    topic_id: str
    partition: int
    offset: int
    decision: Decision

    def is_of(self, record: Record) -> bool:
        """Whether the decision was made for this very record, or for another one with the same event id."""
        return (self.topic_id, self.partition, self.offset) == (record.topic_id, record.partition, record.offset)


def kept_under(group: str, record: Record) -> str:
    """The id of what is decided about a record for a lane that keeps no decisions: other lanes decide about the same event."""
    place = (record.topic_id, str(record.partition), str(record.offset))
    return ids.derive(ids.EVENTS, "replay", group, *place)


_COLUMNS: Final = (
    "event_id", "topic_id", "partition", "offset", "outcome", "subject", "reason", "detail", "fingerprint", "decided_at",
)  # fmt: skip

_READ: Final = """
    SELECT event_id::text, topic_id::text, partition, "offset", outcome, subject::text, reason, detail, fingerprint,
           decided_at
    FROM decisions WHERE event_id = ANY($1::uuid[])
"""

_LOCK: Final = "SELECT 1 FROM decisions WHERE event_id = ANY($1::uuid[]) ORDER BY event_id FOR UPDATE"

_SAVE_FIRST: Final = """
    INSERT INTO decisions (event_id, topic_id, partition, "offset", outcome, subject, reason, detail, fingerprint,
                           decided_at)
    SELECT u.*, $10 FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::bigint[], $5::text[], $6::uuid[], $7::text[],
                                $8::text[], $9::bigint[]) AS u
    ON CONFLICT (event_id) DO NOTHING
"""

# What a replay may put another decision in the place of.
OPEN_TO_REPLAYS: Final = (DEAD_LETTERED, REJECTED)
_REOPEN: Final = """
    UPDATE decisions AS d
    SET topic_id = u.topic_id, partition = u.partition, "offset" = u.at, outcome = u.outcome, subject = u.subject,
        reason = u.reason, detail = u.detail, fingerprint = u.fingerprint, decided_at = $10
    FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::bigint[], $5::text[], $6::uuid[], $7::text[], $8::text[],
                $9::bigint[]) AS u (event_id, topic_id, partition, at, outcome, subject, reason, detail, fingerprint)
    WHERE d.event_id = u.event_id AND d.outcome = ANY($11::text[])
"""


async def lock_decisions(work: Work, event_ids: Sequence[str]) -> dict[str, Claim]:
    """As `read_decisions`, and nobody else decides about these events until the work is done."""
    await work.fetch(_LOCK, sorted(set(event_ids)))
    return await read_decisions(work, event_ids)


async def read_decisions(work: Work, event_ids: Sequence[str]) -> dict[str, Claim]:
    """The decisions that already stand for these events."""
    if not event_ids:
        return {}
    rows = await work.fetch(_READ, event_ids)
    return {
        row["event_id"]: Claim(
            row["topic_id"],
            row["partition"],
            row["offset"],
            Decision(
                row["outcome"],
                row["subject"],
                row["reason"],
                orjson.loads(row["detail"]) if row["detail"] else None,
                rfc3339(row["decided_at"]),
                row["fingerprint"],
            ),
        )
        for row in rows
    }


async def save_decisions(work: Work, decided: Sequence[tuple[Record, Decision]], *, first_stands: bool = False) -> None:
    """Store decisions, all or none. Raises ClaimLost when one of the events was decided meanwhile.

    With `first_stands` an event that has its decision keeps it, and nothing is raised.
    """
    if not decided:
        return
    if first_stands:
        await _execute(work, _SAVE_FIRST, decided)
        return
    ordered = sorted(decided, key=_event_id)
    try:
        # Half of what an INSERT that skips conflicts costs Postgres.
        await work.db.copy_records_to_table("decisions", columns=_COLUMNS, records=_rows(ordered, work.now))
    except asyncpg.UniqueViolationError as error:
        raise ClaimLost from error


def _event_id(pair: tuple[Record, Decision]) -> str:
    return pair[0].event_id


def _rows(decided: Sequence[tuple[Record, Decision]], now: datetime) -> list[tuple[Any, ...]]:
    return [
        (
            *(record.event_id, record.topic_id, record.partition, record.offset),
            *(outcome, subject, reason, None if detail is None else orjson.dumps(detail).decode(), fingerprint, now),
        )
        for record, (outcome, subject, reason, detail, _decided_at, fingerprint) in decided
    ]


async def reopen_decisions(
    work: Work, decided: Sequence[tuple[Record, Decision]], *, was: Sequence[str] = OPEN_TO_REPLAYS
) -> None:
    """Put these in the place of dead letters and refusals (or of what they were), all or none. Raises ClaimLost when one of
    them was reopened meanwhile."""
    if decided and _touched(await _execute(work, _REOPEN, decided, was)) != len(decided):
        raise ClaimLost


def _touched(status: str) -> int:
    return int(status.rsplit(" ", 1)[1])


async def _execute(work: Work, statement: str, decided: Sequence[tuple[Record, Decision]], *more: Sequence[str]) -> str:
    ordered = sorted(decided, key=_event_id)
    records = [record for record, _ in ordered]
    decisions = [decision for _, decision in ordered]
    status: str = await work.db.execute(
        statement,
        [r.event_id for r in records],
        [r.topic_id for r in records],
        [r.partition for r in records],
        [r.offset for r in records],
        [d.outcome for d in decisions],
        [d.subject for d in decisions],
        [d.reason for d in decisions],
        [None if d.detail is None else orjson.dumps(d.detail).decode() for d in decisions],
        [d.fingerprint for d in decisions],
        work.now,
        *more,
    )
    return status
