"""Merges in Postgres: which lead went into which, and which of that was taken back."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import orjson

from services.capture.adapters.postgres.leads import person_of, save_leads
from services.capture.domain.joining import Merge
from services.capture.domain.person import Person
from services.capture.domain.survivorship import DEFAULT, Survivorship
from services.capture.ports import StoredMerge
from shared.contracts.envelope import rfc3339
from shared.handling.work import Work
from shared.persistence.aliases import save_alias

_LOCK_LEADS: Final = """
    SELECT lead_id::text, lead_version, created_us, merged_into::text, facts, own_facts FROM leads
    WHERE lead_id = ANY($1::uuid[]) AND merged_into IS NULL ORDER BY lead_id FOR UPDATE
"""
# Down from a lead to all that were merged into it, and into those; every lead is in one place of the tree only.
_LOCK_TREE: Final = """
    SELECT lead_id::text, lead_version, created_us, merged_into::text, facts, own_facts FROM leads
    WHERE lead_id IN (
        WITH RECURSIVE tree (lead_id) AS (
            SELECT $1::uuid
            UNION
            SELECT m.loser_id FROM merges m JOIN tree t ON m.winner_id = t.lead_id WHERE m.unmerged_at IS NULL
        )
        SELECT lead_id FROM tree
    )
    ORDER BY leads.lead_id FOR UPDATE
"""
_REMEMBER: Final = """
    INSERT INTO merges (event_id, winner_id, loser_id, lead_version, reason, evidence, merged_at, separable)
    SELECT u.*, $7, true
    FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int[], $5::text[], $6::text[]) AS u
    ON CONFLICT (event_id) DO NOTHING
"""
_COLUMNS: Final = """
    event_id::text, winner_id::text, loser_id::text, lead_version, reason, evidence, merged_at, separable,
    unmerged_version
"""
_FIND: Final = f"SELECT {_COLUMNS} FROM merges WHERE event_id = ANY($1::uuid[])"
_FIND_NEWEST: Final = f"""
    SELECT {_COLUMNS} FROM merges WHERE loser_id = $1 AND (unmerged_at IS NOT NULL) = $2
    ORDER BY lead_version DESC LIMIT 1
"""

_OF_LEADS: Final = """
    SELECT event_id, winner_id::text, loser_id::text, reason, merged_at FROM merges
    WHERE winner_id = ANY($1::uuid[]) OR loser_id = ANY($1::uuid[]) ORDER BY event_id
"""
_BLANK: Final = """
    UPDATE merges SET winner_facts = NULL, moved_links = NULL, reason = '', separable = false
    WHERE winner_id = ANY($1::uuid[]) OR loser_id = ANY($1::uuid[])
"""


class PostgresMergeBook:
    """See ports.MergeBook. Leads merge, and come apart, by the survivorship that is given here."""

    def __init__(self, survivorship: Survivorship = DEFAULT) -> None:
        self.survivorship = survivorship

    async def lock_pair(self, work: Work, winner_id: str, loser_id: str) -> Mapping[str, Person]:
        """See ports.MergeBook."""
        rows = await work.fetch(_LOCK_LEADS, [winner_id, loser_id])
        return {row["lead_id"]: person_of(row, self.survivorship) for row in rows}

    async def lock_tree(self, work: Work, root_id: str) -> Mapping[str, Person]:
        """See ports.MergeBook."""
        rows = await work.fetch(_LOCK_TREE, root_id)
        return {row["lead_id"]: person_of(row, self.survivorship) for row in rows}

    async def save(self, work: Work, merges: Sequence[Merge], people: Iterable[Person]) -> None:
        """See ports.MergeBook."""
        await save_leads(work, people)
        await save_merges(work, merges)

    async def find(self, work: Work, merge_ids: Iterable[str]) -> Mapping[str, StoredMerge]:
        """See ports.MergeBook."""
        rows = await work.fetch(_FIND, list(merge_ids))
        return {row["event_id"]: _merge_of(row) for row in rows}

    async def find_newest(self, work: Work, loser_id: str, *, undone: bool) -> StoredMerge | None:
        """See ports.MergeBook."""
        rows = await work.fetch(_FIND_NEWEST, loser_id, undone)
        return _merge_of(rows[0]) if rows else None

    async def take_back(self, work: Work, merge: StoredMerge, version: int, people: Iterable[Person]) -> None:
        """See ports.MergeBook."""
        await save_leads(work, people)
        await work.execute(
            "UPDATE merges SET unmerged_at = $2, unmerged_version = $3 WHERE event_id = $1",
            merge.merge_id,
            work.now,
            version,
        )
        await save_alias(work, merge.loser_id, merge.loser_id, version)


async def save_merges(work: Work, merges: Sequence[Merge]) -> None:
    """Remember merges, and where the losers' ids lead from now on."""
    if not merges:
        return
    rows = [(m.merge_id, m.winner_id, m.loser_id, m.version, m.reason, _text(m.evidence)) for m in sorted(merges)]
    await work.execute(_REMEMBER, *(list(column) for column in zip(*rows, strict=True)), work.now)
    for merge in sorted(merges, key=lambda merge: merge.loser_id):
        await save_alias(work, merge.loser_id, merge.winner_id, merge.version)


def _text(evidence: Mapping[str, str]) -> str:
    return orjson.dumps(evidence).decode()


def _merge_of(row: Any) -> StoredMerge:
    return StoredMerge(
        row["event_id"],
        row["winner_id"],
        row["loser_id"],
        row["lead_version"],
        row["reason"],
        orjson.loads(row["evidence"] or "{}"),
        rfc3339(row["merged_at"]),
        row["separable"],
        row["unmerged_version"],
    )


class MergeTables:
    """See shared.persistence.erasing.PersonalTables: what is kept to take a merge back, which nobody will."""

    tables: Final = ("merges",)

    async def erase(self, work: Work, lead_ids: Sequence[str]) -> None:
        """See PersonalTables."""
        await work.execute(_BLANK, lead_ids)

    async def export(self, work: Work, lead_ids: Sequence[str]) -> Mapping[str, Any]:
        """See PersonalTables."""
        told = ("winner_id", "loser_id", "reason", "merged_at")
        return {"merges": [{name: row[name] for name in told} for row in await work.fetch(_OF_LEADS, lead_ids)]}
