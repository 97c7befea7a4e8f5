"""Durable timers: what is to happen later is a row, set and cancelled in the transaction that decides on it.

A timer is set under an id made of what it is about, so that setting it again moves it. Each setting has a generation of
its own; the command that a due timer becomes names it, and finds its row gone or changed when it comes too late
(`shared/runtime/sweeper.py` sends the commands, `shared/messaging/timers.py` looks whether they still stand).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import orjson

from shared.contracts import ids
from shared.handling.work import Work

LONGEST_PAYLOAD: Final = 16_384
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class Timer(NamedTuple):
    """What is to happen, to whom, and when.

    `kind` is the type of the command that it becomes, `subject` that command's key, `payload` what the command says beside
    the timer. `name` tells timers of one kind and subject apart.
    """

    kind: str
    subject: str
    due_at: datetime
    payload: Mapping[str, Any] = _NOTHING
    name: str = ""


class DueTimer(NamedTuple):
    """A timer whose time has come, leased to be sent."""

    timer_id: str
    generation: int
    kind: str
    subject: str
    due_at: datetime
    payload: bytes


def timer_id(kind: str, subject: str, name: str = "") -> str:
    """The id of a timer: the same for the same kind, subject and name, however often it is set."""
    return ids.derive(ids.TIMERS, kind, subject, name)


_ADD: Final = """
    INSERT INTO timers AS t (timer_id, generation, kind, subject, due_at, payload)
    SELECT u.timer_id, nextval('timer_generations'), u.kind, u.subject, u.due_at, u.payload::jsonb
    FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::timestamptz[], $5::text[])
         AS u (timer_id, kind, subject, due_at, payload)
    ORDER BY u.timer_id ON CONFLICT (timer_id)
"""
_SET: Final = f"""
    {_ADD} DO UPDATE
    SET generation = excluded.generation, due_at = excluded.due_at, payload = excluded.payload,
        leased_until = NULL, done_at = NULL
"""


async def set_timers(work: Work, timers: Sequence[Timer]) -> None:
    """Set timers, or move those that are set; of several settings of one timer the last stands. A command that an
    earlier setting has sent already finds nothing to do. Raises ValueError for a payload that no command should carry."""
    await _set(work, timers, _SET)


async def add_timers(work: Work, timers: Sequence[Timer]) -> None:
    """Set those timers that are not set, and move those that would be due later; the others stay as they are, also those
    that are being acted on."""
    await _set(work, timers, f"{_SET} WHERE t.done_at IS NULL AND t.due_at > excluded.due_at")


async def _set(work: Work, timers: Sequence[Timer], sql: str) -> None:
    wanted = {timer_id(timer.kind, timer.subject, timer.name): timer for timer in timers}
    if not wanted:
        return
    payloads = [_payload(timer) for timer in wanted.values()]
    await work.execute(
        sql,
        list(wanted),
        [timer.kind for timer in wanted.values()],
        [timer.subject for timer in wanted.values()],
        [timer.due_at for timer in wanted.values()],
        payloads,
    )


def _payload(timer: Timer) -> str:
    payload = orjson.dumps(dict(timer.payload))
    if len(payload) > LONGEST_PAYLOAD:
        raise ValueError(f"a timer of kind {timer.kind} has {len(payload)} bytes of payload, {LONGEST_PAYLOAD} at most")
    return payload.decode()


async def cancel_timers(work: Work, timer_ids: Iterable[str]) -> None:
    """Take timers away, set or not. A command that one of them has sent already finds nothing to do."""
    wanted = list(timer_ids)
    if wanted:
        await work.execute(
            """
            WITH locked AS (SELECT timer_id FROM timers WHERE timer_id = ANY($1::uuid[]) ORDER BY timer_id FOR UPDATE)
            DELETE FROM timers t USING locked l WHERE t.timer_id = l.timer_id
            """,
            wanted,
        )


_TAKE: Final = """
    WITH live AS (
        SELECT t.timer_id FROM timers t JOIN unnest($1::uuid[], $2::bigint[]) AS u (timer_id, generation)
            ON u.timer_id = t.timer_id AND u.generation = t.generation
        ORDER BY t.timer_id FOR UPDATE OF t
    )
    DELETE FROM timers t USING live l WHERE t.timer_id = l.timer_id
    RETURNING t.timer_id::text, t.generation
"""


async def take_timers(work: Work, fired: Iterable[tuple[str, int]]) -> set[tuple[str, int]]:
    """Which of these settings still stand. They are used up with that, in the transaction that acts on them."""
    wanted = list(fired)
    if not wanted:
        return set()
    rows = await work.fetch(_TAKE, [one for one, _ in wanted], [generation for _, generation in wanted])
    return {(row["timer_id"], row["generation"]) for row in rows}


# One batch is under way at a time, whoever sends it: timers go out in the order in which they are due. The lock keeps two
# sweepers from looking at once; rows that a use case holds are about to change, and wait for the next look.
_ONE_AT_A_TIME: Final = "SELECT pg_try_advisory_xact_lock(hashtext('timers/' || current_schema()))"
_LEASE: Final = """
    WITH first AS (
        SELECT timer_id, leased_until FROM timers WHERE done_at IS NULL AND due_at <= $1
        ORDER BY due_at, timer_id LIMIT $2 FOR UPDATE SKIP LOCKED
    ), leased AS (
        UPDATE timers t SET leased_until = $1 + $3::interval FROM first f
        WHERE t.timer_id = f.timer_id
            AND NOT EXISTS (SELECT 1 FROM first WHERE leased_until > $1 AND leased_until <= $1 + 2 * $3::interval)
        RETURNING t.timer_id, t.generation, t.kind, t.subject, t.due_at, t.payload
    )
    SELECT timer_id::text, generation, kind, subject::text, due_at, payload::text FROM leased ORDER BY due_at, timer_id
"""


async def lease_due(work: Work, limit: int, lease: timedelta) -> list[DueTimer]:
    """The timers that are due, the earliest first, for whoever sends them now. None while others are being sent: a lease
    that was not used ends by itself, and one that ends later than any lease was made under a clock that was wrong."""
    (turn,) = await work.fetch(_ONE_AT_A_TIME)
    if not turn[0]:
        return []
    rows = await work.fetch(_LEASE, work.now, limit, lease)
    return [DueTimer._make((*row[:5], row["payload"].encode())) for row in rows]


async def mark_sent(work: Work, sent: Sequence[DueTimer]) -> None:
    """These were sent, acknowledged. One that was set anew meanwhile is not among them any more."""
    await work.execute(
        """
        WITH locked AS (
            SELECT t.timer_id FROM timers t JOIN unnest($1::uuid[], $2::bigint[]) AS u (timer_id, generation)
                ON u.timer_id = t.timer_id AND u.generation = t.generation
            ORDER BY t.timer_id FOR UPDATE OF t
        )
        UPDATE timers t SET done_at = $3 FROM locked l WHERE t.timer_id = l.timer_id
        """,
        [timer.timer_id for timer in sent],
        [timer.generation for timer in sent],
        work.now,
    )
