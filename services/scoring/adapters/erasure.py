"""Scoring's tables that hold something of a person, and those that do not. A new table goes into one of the two lists."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import orjson

from services.scoring.domain.behaviour import instant_of, read_log
from services.scoring.journeys.adapters.erasure import JourneyTables
from services.scoring.segments.adapters.erasure import SegmentTables
from shared.contracts.envelope import rfc3339
from shared.handling.work import Work
from shared.persistence.erasing import PersonalTables, blank_lead

# The score stays: it quotes the rules, never the lead. A lead that was never heard of gets a row, so that its first event
# waits for it and then sees that it comes too late.
_ERASE: Final = """
    INSERT INTO lead_scores AS s (lead_id, lead_version, lead, score, score_version, updated_at, erased)
    SELECT t.lead_id, t.lead_version, u.lead, 'null', 0, $3, true
    FROM unnest($1::uuid[], $2::text[]) AS u (lead_id, lead) JOIN tombstones t USING (lead_id) ORDER BY t.lead_id
    ON CONFLICT (lead_id) DO UPDATE
    SET lead = excluded.lead, account_key = NULL, lead_version = GREATEST(s.lead_version, excluded.lead_version), erased = true,
        updated_at = excluded.updated_at
"""
_EXPORT: Final = """
    SELECT lead_id::text, lead_version, lead, origin, score, score_version, updated_at FROM lead_scores
    WHERE lead_id = ANY($1::uuid[]) ORDER BY lead_scores.lead_id
"""


class LeadScores:
    """See shared.persistence.erasing.PersonalTables."""

    tables: Final = ("lead_scores",)

    async def erase(self, work: Work, lead_ids: Sequence[str]) -> None:
        """See PersonalTables."""
        await work.execute(_ERASE, list(lead_ids), [blank_lead(lead_id) for lead_id in lead_ids], work.now)

    async def export(self, work: Work, lead_ids: Sequence[str]) -> Mapping[str, Any]:
        """See PersonalTables."""
        return {"scores": [_exported(row) for row in await work.fetch(_EXPORT, lead_ids)]}


_EXPORT_DEEDS: Final = (
    "SELECT lead_id::text, deeds FROM lead_behaviours WHERE lead_id = ANY($1::uuid[]) ORDER BY lead_id"
)


class LeadBehaviours:
    """See shared.persistence.erasing.PersonalTables. Nothing is kept: an erased lead's score stays as it was."""

    tables: Final = ("lead_behaviours",)

    async def erase(self, work: Work, lead_ids: Sequence[str]) -> None:
        """See PersonalTables."""
        await work.execute("DELETE FROM lead_behaviours WHERE lead_id = ANY($1::uuid[])", lead_ids)

    async def export(self, work: Work, lead_ids: Sequence[str]) -> Mapping[str, Any]:
        """See PersonalTables."""
        return {"behaviour": [_told(row) for row in await work.fetch(_EXPORT_DEEDS, lead_ids)]}


def _told(row: Any) -> dict[str, Any]:
    deeds = [
        {"event_id": deed.event_id, "at": rfc3339(instant_of(deed.at_ms)), "human": deed.human, **(deed.facts or {})}
        for deed in read_log(row["deeds"]).values()
    ]
    return {"lead_id": row["lead_id"], "events": deeds}


def _exported(row: Any) -> dict[str, Any]:
    told = {name: orjson.loads(row[name] or "null") for name in ("lead", "origin", "score")}
    return {**dict(row), **told, "updated_at": rfc3339(row["updated_at"])}


PERSONAL: Final[tuple[PersonalTables, ...]] = (LeadScores(), LeadBehaviours(), SegmentTables(), JourneyTables())
FREE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "shadow_rules": "a draft of rules, who wants it to run and why",
        "shadow_counts": "how many scores, by grades",
        "segment_moves": "ids of leads and events, names of segments, times",
        "segment_recounts": "how many leads a recount looked at, and why it was wanted",
    }
)
