"""What an erasure and an export do with behaviour."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from shared.handling.work import Work

# Of erased leads; of browsers that were theirs; and of identities that are being erased.
_FORGET: Final = """
    DELETE FROM behaviours
    WHERE lead_id = ANY($1::uuid[])
       OR waits_for IN (SELECT visitor FROM visitor_links WHERE lead_id = ANY($1::uuid[])
                        UNION ALL SELECT digest FROM identities WHERE lead_id = ANY($1::uuid[]))
"""
_FORGET_PARTIES: Final = """
    DELETE FROM parties
    WHERE digest IN (SELECT visitor FROM visitor_links WHERE lead_id = ANY($1::uuid[])
                     UNION ALL SELECT digest FROM identities WHERE lead_id = ANY($1::uuid[]))
      AND digest NOT IN (SELECT visitor FROM visitor_links WHERE lead_id <> ALL($1::uuid[]))
"""
_FORGET_LINKS: Final = "DELETE FROM visitor_links WHERE lead_id = ANY($1::uuid[])"
_FORGET_WAITING_PARTIES: Final = """
    DELETE FROM parties
    WHERE is_person AND digest IN (SELECT waits_for FROM behaviours WHERE event_id = ANY($1::uuid[]) AND lead_id IS NULL)
"""
_FORGET_WAITING: Final = "DELETE FROM behaviours WHERE event_id = ANY($1::uuid[]) AND lead_id IS NULL"
_EVENTS: Final = """
    SELECT matched_by, body, context FROM behaviours WHERE lead_id = ANY($1::uuid[]) ORDER BY occurred_us, event_id
"""
_WAITING: Final = """
    SELECT body, context FROM behaviours WHERE event_id = ANY($1::uuid[]) AND lead_id IS NULL
    ORDER BY occurred_us, event_id
"""
_LINKS: Final = """
    SELECT replace(visitor::text, '-', '') AS visitor, matched_by, evidence, linked_at, unlinked_at FROM visitor_links
    WHERE lead_id = ANY($1::uuid[]) ORDER BY linked_at, event_id
"""


async def forget_waiting(work: Work, event_ids: Sequence[str]) -> None:
    """Take out events that wait for a person who has no lead, and that somebody waits."""
    for statement in (_FORGET_WAITING_PARTIES, _FORGET_WAITING):
        await work.execute(statement, event_ids)


async def waiting_behaviour(work: Work, event_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Those of these events that wait for a person who has no lead."""
    rows = await work.fetch(_WAITING, event_ids)
    return [{**orjson.loads(row["body"]), "context": row["context"]} for row in rows]


class BehaviourTables:
    """See shared.persistence.erasing.PersonalTables. An event is kept for being judged anew; without its person there is
    nothing to judge, so that it goes whole. The books of events rest on reporting's marks."""

    tables: Final = ("behaviours", "parties", "visitor_links")

    async def erase(self, work: Work, lead_ids: Sequence[str]) -> None:
        """See PersonalTables. Runs while the identities still say whose they are."""
        for statement in (_FORGET_PARTIES, _FORGET, _FORGET_LINKS):
            await work.execute(statement, lead_ids)

    async def export(self, work: Work, lead_ids: Sequence[str]) -> Mapping[str, Any]:
        """See PersonalTables."""
        events = [
            {**orjson.loads(row["body"]), "matched_by": row["matched_by"], "context": row["context"]}
            for row in await work.fetch(_EVENTS, lead_ids)
        ]
        links = [
            {
                **dict(row),
                "evidence": orjson.loads(row["evidence"]),
                "linked_at": row["linked_at"].isoformat(),
                "unlinked_at": row["unlinked_at"] and row["unlinked_at"].isoformat(),
            }
            for row in await work.fetch(_LINKS, lead_ids)
        ]
        return {"behaviour": events, "browsers": links}
