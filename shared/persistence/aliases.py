"""Loser -> winner of merges, kept by every service and resolved transitively.

A merge that was taken back leaves the loser's id with itself as the winner, under the version of that: a merge that
comes late is older, and changes nothing.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from shared.handling.work import Work

MAX_STEPS: Final = 32

_RESOLVE: Final = f"""
    WITH RECURSIVE chain (asked, version, lead_id, step) AS (
        SELECT a.loser_id, a.version, a.winner_id, 1 FROM aliases a
        WHERE a.loser_id = ANY($1::uuid[]) AND a.winner_id <> a.loser_id
        UNION ALL
        SELECT c.asked, c.version, a.winner_id, c.step + 1 FROM chain c JOIN aliases a ON a.loser_id = c.lead_id
        WHERE a.winner_id <> a.loser_id AND c.step < {MAX_STEPS}
    )
    SELECT DISTINCT ON (asked) asked::text, lead_id::text, version FROM chain ORDER BY asked, step DESC
"""


class Survivor(NamedTuple):
    """The lead that another one was merged into, and the version with which that happened."""

    lead_id: str
    version: int


def survivor_at(survivors: Mapping[str, Survivor], lead_id: str, version: int) -> str:
    """The lead that a record of this version is about. A record that is newer than the merge says that it was taken back,
    also where that is not known yet."""
    survivor = survivors.get(lead_id)
    return lead_id if survivor is None or version > survivor.version else survivor.lead_id


async def resolve_at(work: Work, lead_ids: Iterable[str]) -> dict[str, Survivor]:
    """`resolve`, with the version of each lead's own merge, for `survivor_at`."""
    rows = await work.fetch(_RESOLVE, list(lead_ids))
    return {row["asked"]: Survivor(row["lead_id"], row["version"]) for row in rows}


async def resolve(work: Work, lead_ids: Iterable[str]) -> dict[str, str]:
    """The surviving lead of each merged one among `lead_ids`; leads that were never merged away are absent."""
    rows = await work.fetch(_RESOLVE, list(lead_ids))
    return {row["asked"]: row["lead_id"] for row in rows}


async def save_alias(work: Work, loser_id: str, winner_id: str, version: int) -> None:
    """Remember that `loser_id` is `winner_id` now, or itself again; an older version never replaces a newer one."""
    await work.execute(
        """
        INSERT INTO aliases (loser_id, winner_id, version, merged_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (loser_id) DO UPDATE SET winner_id = excluded.winner_id, version = excluded.version,
            merged_at = excluded.merged_at
        WHERE aliases.version < excluded.version
        """,
        loser_id,
        winner_id,
        version,
        work.now,
    )


_FAMILY: Final = f"""
    WITH RECURSIVE chain (lead_id, step) AS (
        SELECT u.id, 0 FROM unnest($1::uuid[]) AS u (id)
        UNION ALL
        SELECT a.loser_id, c.step + 1 FROM chain c JOIN aliases a ON a.winner_id = c.lead_id
        WHERE a.loser_id <> a.winner_id AND c.step < {MAX_STEPS}
    )
    SELECT DISTINCT lead_id::text FROM chain ORDER BY lead_id
"""


async def all_ids(work: Work, lead_ids: Iterable[str]) -> dict[str, list[str]]:
    """Every id that each of these leads goes by, itself first, then those merged into it or into what it became; by the
    surviving lead."""
    asked = list(lead_ids)
    survivors = await resolve(work, asked)
    found: dict[str, list[str]] = {}
    for survivor in dict.fromkeys(survivors.get(lead_id, lead_id) for lead_id in asked):
        rows = await work.fetch(_FAMILY, [survivor])
        found[survivor] = [survivor, *(row["lead_id"] for row in rows if row["lead_id"] != survivor)]
    return found
