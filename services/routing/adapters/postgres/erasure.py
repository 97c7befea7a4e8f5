"""Routing's tables that hold something of a person, and those that do not. A new table goes into one of the two lists."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import orjson

from services.routing.domain.assignment import without_words
from shared.contracts.envelope import rfc3339
from shared.handling.work import Work
from shared.persistence.erasing import PersonalTables, blank_lead

# Who holds the lead stays, and by which rule. A lead that was never heard of gets a row, so that its first event waits for
# it and then sees that it comes too late.
_ERASE: Final = """
    INSERT INTO assignments AS a (lead_id, lead_version, lead, score_version, score, origin, assignment,
                                  assignment_version, assigned_at, updated_at, erased)
    SELECT t.lead_id, t.lead_version, u.lead, 0, 'null', 'null', 'null', 0, $3, $3, true
    FROM unnest($1::uuid[], $2::text[]) AS u (lead_id, lead) JOIN tombstones t USING (lead_id) ORDER BY t.lead_id
    ON CONFLICT (lead_id) DO UPDATE
    SET lead = excluded.lead, lead_version = GREATEST(a.lead_version, excluded.lead_version), erased = true,
        updated_at = excluded.updated_at
    RETURNING a.lead_id, a.assignment
"""
_WORDLESS: Final = """
    UPDATE assignments a SET assignment = u.assignment FROM unnest($1::uuid[], $2::text[]) AS u (lead_id, assignment)
    WHERE a.lead_id = u.lead_id
"""
_EXPORT: Final = """
    SELECT lead_id::text, lead_version, lead, score_version, score, origin, assignment, assignment_version, owner, queue,
           assigned_at
    FROM assignments WHERE lead_id = ANY($1::uuid[]) ORDER BY assignments.lead_id
"""


class Assignments:
    """See shared.persistence.erasing.PersonalTables."""

    tables: Final = ("assignments",)

    async def erase(self, work: Work, lead_ids: Sequence[str]) -> None:
        """See PersonalTables."""
        blank = [blank_lead(lead_id) for lead_id in lead_ids]
        rows = await work.fetch(_ERASE, list(lead_ids), blank, work.now)
        wordless = [without_words(row["assignment"]) for row in rows]
        await work.execute(_WORDLESS, [row["lead_id"] for row in rows], wordless)

    async def export(self, work: Work, lead_ids: Sequence[str]) -> Mapping[str, Any]:
        """See PersonalTables."""
        return {"assignments": [_exported(row) for row in await work.fetch(_EXPORT, lead_ids)]}


def _exported(row: Any) -> dict[str, Any]:
    told = {name: orjson.loads(row[name]) for name in ("lead", "score", "origin", "assignment")}
    return {**dict(row), **told, "assigned_at": rfc3339(row["assigned_at"])}


PERSONAL: Final[tuple[PersonalTables, ...]] = (Assignments(),)
FREE: Final = MappingProxyType(
    {"members": "members of staff, who are nobody's leads", "rotations": "whose turn it was, by member"}
)
