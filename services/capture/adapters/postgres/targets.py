"""Targets in Postgres, beside the facts of their leads: found by list and by how long they have been there."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from services.capture.domain.expiring import DEFAULT, ListPolicy
from shared.handling.work import Work

_ADD: Final = """
    INSERT INTO targets (lead_id, list_name, listed_at) SELECT u.lead_id, u.list_name, $3
    FROM unnest($1::uuid[], $2::text[]) AS u (lead_id, list_name) ORDER BY u.lead_id ON CONFLICT DO NOTHING
"""
_DUE: Final = """
    SELECT lead_id::text FROM targets WHERE list_name = $1 AND listed_at <= $2
    ORDER BY listed_at, targets.lead_id LIMIT $3
"""
_SUMMARY: Final = """
    SELECT t.list_name, count(*) AS targets, min(t.listed_at) AS oldest, p.ttl_days, p.action, p.campaign
    FROM targets t LEFT JOIN target_lists p USING (list_name) WHERE $1::text IS NULL OR t.list_name = $1
    GROUP BY t.list_name, p.ttl_days, p.action, p.campaign ORDER BY t.list_name LIMIT 1000
"""
_SET: Final = """
    INSERT INTO target_lists (list_name, ttl_days, action, campaign, set_by, set_at) VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (list_name) DO UPDATE SET ttl_days = excluded.ttl_days, action = excluded.action,
        campaign = excluded.campaign, set_by = excluded.set_by, set_at = excluded.set_at
"""


class PostgresTargetBook:
    """See ports.TargetBook."""

    async def add(self, work: Work, targets: Mapping[str, str]) -> None:
        """See ports.TargetBook."""
        await work.execute(_ADD, list(targets), list(targets.values()), work.now)

    async def remove(self, work: Work, lead_ids: Sequence[str]) -> None:
        """See ports.TargetBook."""
        await work.execute("DELETE FROM targets WHERE lead_id = ANY($1::uuid[])", sorted(lead_ids))

    async def policies(self, work: Work, lists: Sequence[str]) -> Mapping[str, ListPolicy]:
        """See ports.TargetBook."""
        rows = await work.fetch(
            "SELECT list_name, ttl_days, action, campaign FROM target_lists WHERE list_name = ANY($1::text[])",
            [*lists, ""],
        )
        found = {row["list_name"]: ListPolicy(row["ttl_days"], row["action"], row["campaign"]) for row in rows}
        default = found.get("", DEFAULT)
        return {name: found.get(name, default) for name in lists}

    async def set_policy(self, work: Work, list_name: str, policy: ListPolicy, author: str) -> None:
        """See ports.TargetBook."""
        await work.execute(_SET, list_name, *policy, author, work.now)

    async def due(self, work: Work, list_name: str, listed_before: datetime, limit: int) -> Sequence[str]:
        """See ports.TargetBook."""
        return [row["lead_id"] for row in await work.fetch(_DUE, list_name, listed_before, limit)]

    async def oldest(self, work: Work, lists: Sequence[str] | None = None) -> Mapping[str, datetime]:
        """See ports.TargetBook."""
        rows = await work.fetch(
            """
            SELECT list_name, min(listed_at) AS oldest FROM targets
            WHERE $1::text[] IS NULL OR list_name = ANY($1::text[]) GROUP BY list_name
            """,
            None if lists is None else list(lists),
        )
        return {row["list_name"]: row["oldest"] for row in rows}


async def target_lists(work: Work, list_name: str | None = None) -> list[dict[str, Any]]:
    """Lists that have targets: how many, since when, what is set for each."""
    return [dict(row) for row in await work.fetch(_SUMMARY, list_name)]


async def count_due(work: Work, list_name: str, listed_before: datetime) -> int:
    """How many targets of a list have had their time."""
    (row,) = await work.fetch(
        "SELECT count(*) AS n FROM targets WHERE list_name = $1 AND listed_at <= $2", list_name, listed_before
    )
    return int(row["n"])


class TargetTables:
    """See shared.persistence.erasing.PersonalTables."""

    tables: Final = ("targets",)

    async def erase(self, work: Work, lead_ids: Sequence[str]) -> None:
        """See PersonalTables."""
        await work.execute("DELETE FROM targets WHERE lead_id = ANY($1::uuid[])", list(lead_ids))

    async def export(self, work: Work, lead_ids: Sequence[str]) -> Mapping[str, Any]:
        """See PersonalTables."""
        rows = await work.fetch(
            "SELECT lead_id::text, list_name, listed_at FROM targets WHERE lead_id = ANY($1::uuid[])", list(lead_ids)
        )
        return {"targets": [dict(row) for row in rows]} if rows else {}
