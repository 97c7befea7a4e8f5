"""Where the likes of leads are found in Postgres, and the pairs that people decide on."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import orjson

from services.capture.domain.blocking import MAX_BLOCK
from services.capture.domain.joining import Pair
from services.capture.ports import StoredPair
from shared.contracts.envelope import rfc3339
from shared.handling.work import Work

# One more than is compared, so that a block that is too full shows; never the whole of it.
_MATES: Final = f"""
    SELECT b.block, b.lead_id::text
    FROM unnest($1::bigint[]) AS u (block) CROSS JOIN LATERAL (
        SELECT block, lead_id FROM blocks WHERE block = u.block LIMIT {MAX_BLOCK + 1}
    ) AS b
"""
_KEPT: Final = """
    SELECT lead_id::text, other_id::text FROM duplicate_pairs
    WHERE lead_id = ANY($1::uuid[]) AND other_id = ANY($1::uuid[]) AND status = 'kept'
"""
_ASK: Final = """
    INSERT INTO duplicate_pairs (pair_id, lead_id, other_id, status, points, evidence, event_id, raised_at)
    SELECT u.pair_id, least(u.a, u.b), greatest(u.a, u.b), 'open', u.points, u.evidence, u.event_id, $7
    FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int[], $5::text[], $6::uuid[])
         AS u (pair_id, a, b, points, evidence, event_id)
    ON CONFLICT (pair_id) DO NOTHING
"""
_COLUMNS: Final = """
    pair_id::text, lead_id::text, other_id::text, status, points, evidence, raised_at, reason, decided_at
"""
_FIND: Final = f"SELECT {_COLUMNS} FROM duplicate_pairs WHERE pair_id = $1"
_PAGE: Final = f"""
    SELECT {_COLUMNS} FROM duplicate_pairs
    WHERE status = 'open' AND (raised_at, pair_id) > ($1::timestamptz, $2::uuid) ORDER BY raised_at, pair_id LIMIT $3
"""
_OF_LEADS: Final = f"""
    SELECT {_COLUMNS} FROM duplicate_pairs
    WHERE lead_id = ANY($1::uuid[]) OR other_id = ANY($1::uuid[]) ORDER BY pair_id
"""
_DECIDE: Final = """
    UPDATE duplicate_pairs SET status = $2, reason = $3, decided_at = $4 WHERE pair_id = $1
"""
_KEEP: Final = """
    INSERT INTO duplicate_pairs (pair_id, lead_id, other_id, status, points, evidence, event_id, raised_at, reason,
                                 decided_at)
    VALUES ($1, least($2::uuid, $3::uuid), greatest($2::uuid, $3::uuid), 'kept', 0, '{}', $4, $5, $6, $5)
    ON CONFLICT (pair_id) DO UPDATE
    SET status = 'kept', reason = excluded.reason, decided_at = excluded.decided_at
"""


async def block_mates(work: Work, blocks: Iterable[int]) -> dict[int, list[str]]:
    """The leads of each block, at most one more than is compared."""
    found: dict[int, list[str]] = {}
    for block, lead_id in await work.fetch(_MATES, sorted(blocks)):
        found.setdefault(block, []).append(lead_id)
    return found


async def enter_blocks(work: Work, entries: Sequence[tuple[int, str]]) -> None:
    """Store where leads are found from now on."""
    if entries:
        await work.db.copy_records_to_table("blocks", columns=("block", "lead_id"), records=sorted(entries))


async def kept_pairs(work: Work, lead_ids: Iterable[str]) -> set[frozenset[str]]:
    """The pairs among these leads that somebody has decided to be two people."""
    return {frozenset(row) for row in await work.fetch(_KEPT, list(lead_ids))}


async def ask_about(work: Work, pairs: Iterable[Pair]) -> None:
    """Store questions; one that was asked before stands, whatever became of it."""
    rows = [(p.pair_id, p.lead_id, p.other_id, p.points, orjson.dumps(p.evidence).decode(), p.event_id) for p in pairs]
    if rows:
        await work.execute(_ASK, *(list(column) for column in zip(*sorted(rows), strict=True)), work.now)


class PostgresPairBook:
    """See ports.PairBook."""

    async def find(self, work: Work, pair_id: str) -> StoredPair | None:
        """See ports.PairBook."""
        rows = await work.fetch(_FIND, pair_id)
        return _pair_of(rows[0]) if rows else None

    async def page(self, work: Work, after: tuple[Any, str], limit: int) -> list[StoredPair]:
        """See ports.PairBook."""
        return [_pair_of(row) for row in await work.fetch(_PAGE, *after, limit)]

    async def decide(self, work: Work, pair_id: str, status: str, reason: str) -> None:
        """See ports.PairBook."""
        await work.execute(_DECIDE, pair_id, status, reason, work.now)

    async def keep(self, work: Work, pair_id: str, lead_id: str, other_id: str, event_id: str, reason: str) -> None:
        """See ports.PairBook."""
        await work.execute(_KEEP, pair_id, lead_id, other_id, event_id, work.now, reason)


class LikeTables:
    """See shared.persistence.erasing.PersonalTables: digests that a lead is found by, and what was said of pairs."""

    tables: Final = ("blocks", "duplicate_pairs")

    async def erase(self, work: Work, lead_ids: Sequence[str]) -> None:
        """See PersonalTables. Nobody is asked about an erased lead any more."""
        await work.execute("DELETE FROM blocks WHERE lead_id = ANY($1::uuid[])", lead_ids)
        await work.execute(
            "DELETE FROM duplicate_pairs WHERE lead_id = ANY($1::uuid[]) OR other_id = ANY($1::uuid[])", lead_ids
        )

    async def export(self, work: Work, lead_ids: Sequence[str]) -> Mapping[str, Any]:
        """See PersonalTables. The blocks are digests of names that are exported anyway."""
        return {"duplicate_pairs": [_exported(row) for row in await work.fetch(_OF_LEADS, lead_ids)]}


def _exported(row: Any) -> dict[str, Any]:
    return {**_pair_of(row)._asdict(), "raised_at": rfc3339(row["raised_at"])}


def _pair_of(row: Any) -> StoredPair:
    return StoredPair(
        row["pair_id"],
        row["lead_id"],
        row["other_id"],
        row["status"],
        row["points"],
        orjson.loads(row["evidence"]),
        row["raised_at"],
        row["reason"],
        None if row["decided_at"] is None else rfc3339(row["decided_at"]),
    )
