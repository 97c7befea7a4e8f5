"""Reporting's tables that hold something of a person, and those that do not. A new table goes into one of the two lists.

What comes late is blanked as it is stored: a lead's row in `progress` says that it was erased, one that was never heard of
gets such a row. What has no row of a lead to wait for (personal parts, parked values) waits for the erasure as a whole.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from services.reporting.adapters.postgres.history import blank_bundles
from services.reporting.adapters.postgres.leads import events_of_leads
from services.reporting.domain.leads import timeline
from services.reporting.domain.ledger import Place
from shared.handling.work import Work
from shared.persistence.erasing import PersonalTables, erase_all
from shared.persistence.tombstones import keep_tombstones

_SHARE: Final = "SELECT pg_advisory_xact_lock_shared(hashtext('erasing/' || current_schema()))"
_HOLD: Final = "SELECT pg_advisory_xact_lock(hashtext('erasing/' || current_schema()))"
_MARK: Final = """
    INSERT INTO progress AS p (lead_id, stages, bundles, erased)
    SELECT u.id, 0, '{}', true FROM unnest($1::uuid[]) AS u (id) ORDER BY u.id
    ON CONFLICT (lead_id) DO UPDATE SET erased = true
"""
_OF_PERSON: Final = """
    SELECT parked_id FROM parked WHERE lead_id = ANY($1::uuid[])
    UNION
    SELECT k.parked_id FROM parked k JOIN unnest($2::uuid[], $3::int[], $4::bigint[]) AS u (topic_id, partition, at)
        ON (k.topic_id, k.partition, k."offset") = (u.topic_id, u.partition, u.at)
"""
_FORGET_VALUES: Final = "DELETE FROM parked_values WHERE parked_id = ANY($1::uuid[])"
_FORGET_NOTES: Final = "UPDATE replays SET note = NULL WHERE first_id = ANY($1::uuid[]) OR parked_id = ANY($1::uuid[])"
_PARKED: Final = """
    SELECT k.parked_id::text, k.kind, k.service, k.reason, k.place, k.parked_at, v.value
    FROM parked k LEFT JOIN parked_values v USING (parked_id) WHERE k.lead_id = ANY($1::uuid[])
    ORDER BY k.parked_at, k.parked_id
"""


async def share_erasing(work: Work) -> None:
    """Let no erasure pass between here and the end of the work."""
    await work.execute(_SHARE)


async def forget_leads(work: Work, versions: Mapping[str, int]) -> None:
    """Keep the tombstones of these leads and blank them everywhere."""
    await keep_tombstones(work, versions, work.now)
    await erase_all(PERSONAL, work, sorted(versions))


class History:
    """See shared.persistence.erasing.PersonalTables. Counts, days, sources and outcomes stay."""

    tables: Final = ("progress", "bundles", "events", "personal", "parked", "parked_values", "replays", "lead_origins")

    async def erase(self, work: Work, lead_ids: Sequence[str]) -> None:
        """See PersonalTables."""
        await work.execute(_HOLD)
        await work.execute(_MARK, list(lead_ids))
        places = await blank_bundles(work, lead_ids)
        await work.execute("DELETE FROM personal WHERE lead_id = ANY($1::uuid[])", lead_ids)
        await work.execute("DELETE FROM lead_origins WHERE lead_id = ANY($1::uuid[])", lead_ids)
        await _forget_parked(work, lead_ids, sorted(places))

    async def export(self, work: Work, lead_ids: Sequence[str]) -> Mapping[str, Any]:
        """See PersonalTables: the history with everything in it, and records that could not be processed."""
        events = (await events_of_leads(work, lead_ids[:1]))[lead_ids[0]]
        parked = [dict(row) for row in await work.fetch(_PARKED, lead_ids)]
        return {"timeline": timeline(events, personal=True), "parked": parked}


async def _forget_parked(work: Work, lead_ids: Sequence[str], places: Sequence[Place]) -> None:
    """The values of records that could not be processed, by the lead or by the submissions that became it, and what was noted
    of their replays; of what was refused there are only notes."""
    columns = [list(column) for column in zip(*places, strict=True)] or [[], [], []]
    parked_ids = [row["parked_id"] for row in await work.fetch(_OF_PERSON, lead_ids, *columns)]
    if parked_ids:
        await work.execute(_FORGET_VALUES, parked_ids)
        await work.execute(_FORGET_NOTES, parked_ids)


PERSONAL: Final[tuple[PersonalTables, ...]] = (History(),)
FREE: Final = MappingProxyType(
    {
        "stored": "which records are stored",
        "received": "which records were received, by source and day",
        "settled": "what became of records, by coordinates",
        "outcomes": "what became of records, and a lead's id",
        "doubles": "second outcomes, by coordinates",
        "observed": "which events of behaviour came, by source and day",
        "fates": "what became of events, by coordinates",
        "purged": "which leads' ids a retention policy purged",
        "material_steps": "steps of leads' ids with materials of ours",
        "listed": "which records came on which list",
        "lead_lists": "a lead's id and the list that it was on: what a list was worth stays",
        "list_costs": "what lists cost",
        "opportunities": "ids, stages and amounts of opportunities",
        "funnel_daily": "counts",
        "cohorts": "counts",
        "keys": "keys as hashes, with labels for staff",
        "inbound": "coordinates; of before the pages",
        "lead_stages": "stages and sources of leads' ids; of before the pages",
    }
)
