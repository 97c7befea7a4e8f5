"""Conversion's tables that hold something of a person, and those that do not. A new table goes into one of the two lists."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import orjson

from services.conversion.domain.converting import opportunity_id_of
from services.conversion.domain.redacting import is_person, redacted_account, redacted_contact, redacted_event
from shared.handling.work import Work
from shared.persistence.erasing import PersonalTables

# A lead that was never heard of gets a row, so that its first event waits for it and then sees that it comes too late.
_ERASE_LEADS: Final = """
    INSERT INTO leads AS l (lead_id, lead_version, score_version, assignment_version, erased)
    SELECT t.lead_id, t.lead_version, 0, 0, true FROM tombstones t WHERE t.lead_id = ANY($1::uuid[]) ORDER BY t.lead_id
    ON CONFLICT (lead_id) DO UPDATE
    SET lead_version = GREATEST(l.lead_version, excluded.lead_version), routed = NULL, erased = true
"""
_OPPORTUNITIES: Final = """
    SELECT opportunity_id::text, account_id::text, contact_id::text, event FROM opportunities
    WHERE opportunity_id = ANY($1::uuid[]) ORDER BY opportunities.opportunity_id
"""
_LOCK_OPPORTUNITIES: Final = f"{_OPPORTUNITIES} FOR UPDATE"
_REDACT: Final = """
    UPDATE opportunities o SET event = u.event FROM unnest($1::uuid[], $2::bytea[]) AS u (opportunity_id, event)
    WHERE o.opportunity_id = u.opportunity_id
"""
# No index leads from a party to its keys: it would cost every conversion, and erasures are few.
_LOCK_KEYS: Final = "SELECT key FROM party_keys WHERE party_id = ANY($1::uuid[]) ORDER BY key FOR UPDATE"
_FREE_KEYS: Final = "DELETE FROM party_keys WHERE key = ANY($1::text[])"
_CONTACTS: Final = """
    SELECT contact_id::text AS id, facts FROM contacts WHERE contact_id = ANY($1::uuid[]) ORDER BY contacts.contact_id
    FOR UPDATE
"""
_ACCOUNTS: Final = """
    SELECT account_id::text AS id, facts FROM accounts WHERE account_id = ANY($1::uuid[]) ORDER BY accounts.account_id
    FOR UPDATE
"""
_SAVE_CONTACTS: Final = """
    UPDATE contacts SET facts = u.facts, updated_at = $3 FROM unnest($1::uuid[], $2::text[]) AS u (id, facts)
    WHERE contact_id = u.id
"""
_SAVE_ACCOUNTS: Final = """
    UPDATE accounts SET facts = u.facts, updated_at = $3 FROM unnest($1::uuid[], $2::text[]) AS u (id, facts)
    WHERE account_id = u.id
"""
_LEADS: Final = """
    SELECT lead_id::text, lead_version, score_version, assignment_version, opportunity_id::text, routed FROM leads
    WHERE lead_id = ANY($1::uuid[]) ORDER BY leads.lead_id
"""


class SoldTo:
    """See shared.persistence.erasing.PersonalTables. Locks in everybody's order: leads, opportunities, keys, contacts,
    accounts."""

    tables: Final = ("leads", "opportunities", "party_keys", "contacts", "accounts")

    async def erase(self, work: Work, lead_ids: Sequence[str]) -> None:
        """See PersonalTables."""
        await work.execute(_ERASE_LEADS, list(lead_ids))
        rows = await work.fetch(_LOCK_OPPORTUNITIES, list(map(opportunity_id_of, lead_ids)))
        if not rows:
            return
        await work.execute(_REDACT, [row[0] for row in rows], [redacted_event(row["event"]) for row in rows])
        mapped: dict[str, list[str]] = {}
        for row in rows:
            mapped.setdefault(row["account_id"], []).extend(orjson.loads(row["event"]).get("fields_mapped", ()))
        persons = [account_id for account_id, fields in mapped.items() if is_person(fields)]
        await _free_keys(work, sorted({*(row["contact_id"] for row in rows), *persons}))
        contacts = await work.fetch(_CONTACTS, sorted({row["contact_id"] for row in rows}))
        await _save(work, _SAVE_CONTACTS, {c["id"]: redacted_contact(orjson.loads(c["facts"])) for c in contacts})
        accounts = await work.fetch(_ACCOUNTS, sorted(mapped))
        left = {a["id"]: redacted_account(orjson.loads(a["facts"]), mapped[a["id"]]) for a in accounts}
        await _save(work, _SAVE_ACCOUNTS, left)

    async def export(self, work: Work, lead_ids: Sequence[str]) -> Mapping[str, Any]:
        """See PersonalTables."""
        sold = await work.fetch(_OPPORTUNITIES, list(map(opportunity_id_of, lead_ids)))
        contacts = await work.fetch(_plain(_CONTACTS), [row["contact_id"] for row in sold])
        accounts = await work.fetch(_plain(_ACCOUNTS), [row["account_id"] for row in sold])
        leads = await work.fetch(_LEADS, lead_ids)
        return {
            "leads": [{**dict(row), "routed": orjson.loads(row["routed"] or b"null")} for row in leads],
            "opportunities": [orjson.loads(row["event"]) for row in sold],
            "contacts": [{"contact_id": row["id"], **orjson.loads(row["facts"])} for row in contacts],
            "accounts": [{"account_id": row["id"], **orjson.loads(row["facts"])} for row in accounts],
        }


def _plain(locking: str) -> str:
    """The same statement for those who only read."""
    return locking.replace("FOR UPDATE", "")


async def _free_keys(work: Work, party_ids: Sequence[str]) -> None:
    keys = [row["key"] for row in await work.fetch(_LOCK_KEYS, party_ids)]
    await work.execute(_FREE_KEYS, keys)


async def _save(work: Work, statement: str, facts: Mapping[str, dict[str, Any]]) -> None:
    texts = [orjson.dumps(each).decode() for each in facts.values()]
    await work.execute(statement, list(facts), texts, work.now)


PERSONAL: Final[tuple[PersonalTables, ...]] = (SoldTo(),)
FREE: Final = MappingProxyType({"reviews": "ids of leads and conversions"})
