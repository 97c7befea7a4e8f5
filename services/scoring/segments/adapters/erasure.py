"""What segments keep of a person, and how it goes. See shared.persistence.erasing.PersonalTables."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from shared.contracts.envelope import rfc3339
from shared.handling.work import Work

_MEMBERS: Final = "SELECT lead_id::text, members::text FROM segment_leads WHERE lead_id = ANY($1::uuid[]) ORDER BY 1"
_DONE: Final = """
    SELECT lead_id::text, kind, category, at, counts FROM segment_behaviours WHERE lead_id = ANY($1::uuid[]) ORDER BY at, 2
"""
_SAID: Final = """
    SELECT lead_id::text, class, reason, resume_at, stated_at, author FROM lead_interests WHERE lead_id = ANY($1::uuid[])
    ORDER BY stated_at
"""


class SegmentTables:
    """Moves stay: they are ids, names of segments and times, and what was published of them is counted."""

    tables: Final = ("segment_leads", "segment_behaviours", "lead_interests")

    async def erase(self, work: Work, lead_ids: Sequence[str]) -> None:
        """See PersonalTables."""
        for table in self.tables:
            await work.execute(f"DELETE FROM {table} WHERE lead_id = ANY($1::uuid[])", list(lead_ids))

    async def export(self, work: Work, lead_ids: Sequence[str]) -> Mapping[str, Any]:
        """See PersonalTables."""
        members = [
            {"lead_id": row[0], "segments": orjson.loads(row[1])} for row in await work.fetch(_MEMBERS, lead_ids)
        ]
        done = [_shown(row) for row in await work.fetch(_DONE, lead_ids)]
        said = [_shown(row) for row in await work.fetch(_SAID, lead_ids)]
        return {"segments": members, "counted_events": done, "interest": said}


def _shown(row: Any) -> dict[str, Any]:
    return {
        name: rfc3339(value) if name in {"at", "resume_at", "stated_at"} and value is not None else value
        for name, value in dict(row).items()
    }
