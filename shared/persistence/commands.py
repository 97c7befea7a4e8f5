"""What became of each command: a row that the HTTP side reads."""

from typing import Any, Final

import orjson

from shared.handling.work import Work

_SAVE: Final = """
    INSERT INTO commands AS c VALUES ($1, $2, $3, $4, $5::jsonb, $6)
    ON CONFLICT (command_id) DO UPDATE
    SET status = excluded.status, reason = excluded.reason, result = excluded.result,
        completed_at = excluded.completed_at
    WHERE c.status = 'dead_lettered' AND excluded.status <> 'dead_lettered'
"""


async def save_completed(
    work: Work, command_id: str, command: str, status: str, reason: str | None, result: dict[str, Any]
) -> None:
    """Store a command's outcome; the first one stands, unless it was a dead letter and this is its replay."""
    await work.execute(
        _SAVE,
        command_id,
        command,
        status,
        reason,
        orjson.dumps(result).decode(),
        work.now,
    )


async def read_completed(work: Work, command_id: str) -> dict[str, Any] | None:
    """The outcome of a command, or None while it is pending or unknown."""
    rows = await work.fetch(
        "SELECT command, status, reason, result, completed_at FROM commands WHERE command_id = $1", command_id
    )
    if not rows:
        return None
    return {**dict(rows[0]), "result": orjson.loads(rows[0]["result"])}
