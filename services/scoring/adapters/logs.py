"""The logs of what leads do: a row for each lead that events were told of, whoever it was merged into."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from services.scoring.domain.behaviour import KEPT_DAYS, Log, instant_of, kept, ms_of, read_log, write_log
from services.scoring.domain.standing import Standing
from shared.handling.work import Work
from shared.persistence.aliases import MAX_STEPS

_READ: Final = f"""
    WITH RECURSIVE family (survivor, lead_id, step) AS (
        SELECT u.id, u.id, 0 FROM unnest($1::uuid[]) AS u (id)
        UNION ALL
        SELECT f.survivor, a.loser_id, f.step + 1 FROM family f JOIN aliases a ON a.winner_id = f.lead_id
        WHERE a.loser_id <> a.winner_id AND f.step < {MAX_STEPS}
    )
    SELECT f.survivor::text, b.lead_id::text, b.deeds
    FROM (SELECT DISTINCT survivor, lead_id FROM family) AS f JOIN lead_behaviours b ON b.lead_id = f.lead_id
"""
_SAVE: Final = """
    INSERT INTO lead_behaviours AS b (lead_id, deeds, oldest_at, updated_at)
    SELECT u.lead_id, u.deeds, u.oldest_at, $4
    FROM unnest($1::uuid[], $2::text[], $3::timestamptz[]) AS u (lead_id, deeds, oldest_at) ORDER BY u.lead_id
    ON CONFLICT (lead_id) DO UPDATE
    SET deeds = excluded.deeds, oldest_at = excluded.oldest_at, updated_at = excluded.updated_at
"""
_OLD: Final = """
    SELECT lead_id::text, deeds FROM lead_behaviours WHERE oldest_at < $1
    ORDER BY lead_id LIMIT $2 FOR UPDATE SKIP LOCKED
"""
_DROP: Final = "DELETE FROM lead_behaviours WHERE lead_id = ANY($1::uuid[])"


async def read_logs(work: Work, lead_ids: Sequence[str]) -> Mapping[str, dict[str, Log]]:
    """By lead, its logs by the lead that they were told of: its own, and those of all that were merged into it."""
    found: dict[str, dict[str, Log]] = {}
    for row in await work.fetch(_READ, lead_ids):
        found.setdefault(row["survivor"], {})[row["lead_id"]] = read_log(row["deeds"])
    return found


async def save_logs(work: Work, standings: Sequence[Standing]) -> None:
    """Store the logs that have changed. The rows of the leads that they count for are locked."""
    now_ms = ms_of(work.now)
    await _save(
        work, {each: kept(standing.log_of(each), now_ms) for standing in standings for each in standing.relogged or ()}
    )


async def forget_deeds(work: Work, *, limit: int) -> int:
    """Forget events that are too old to count, a slice of logs at most; how many logs were looked into."""
    rows = await work.fetch(_OLD, work.now - timedelta(days=KEPT_DAYS), limit)
    left = {row["lead_id"]: kept(read_log(row["deeds"]), ms_of(work.now)) for row in rows}
    await work.execute(_DROP, [lead_id for lead_id, log in left.items() if not log])
    await _save(work, {lead_id: log for lead_id, log in left.items() if log})
    return len(rows)


async def _save(work: Work, logs: Mapping[str, Log]) -> None:
    if logs:
        written = [write_log(log).decode() for log in logs.values()]
        await work.execute(_SAVE, list(logs), written, [_oldest(log, work.now) for log in logs.values()], work.now)


def _oldest(log: Log, now: datetime) -> Any:
    return min((instant_of(deed.at_ms) for deed in log.values()), default=now)
