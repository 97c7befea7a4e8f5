"""Leads and identities in Postgres: one statement a batch and table, everything sorted against deadlocks."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from services.capture.adapters.postgres import identities
from services.capture.domain.erasing import blanked
from services.capture.domain.facts import instant_of, state_from_json, state_to_json
from services.capture.domain.identity import IdentityKey
from services.capture.domain.people import MAX_SHARED, NewLink, People, Person
from services.capture.domain.view import lead_view
from shared.handling.work import Work
from shared.persistence.aliases import resolve

_LEADS: Final = """
    SELECT lead_id::text, lead_version, created_us, merged_into, facts FROM leads
    WHERE lead_id = ANY($1::uuid[]) ORDER BY lead_id
"""
_LOCK: Final = f"{_LEADS} FOR UPDATE"
_SAVE_LEADS: Final = """
    INSERT INTO leads (lead_id, lead_version, created_us, facts, changed_at)
    SELECT u.*, $5 FROM unnest($1::uuid[], $2::int[], $3::bigint[], $4::text[]) AS u
    ON CONFLICT (lead_id) DO UPDATE
    SET lead_version = excluded.lead_version, facts = excluded.facts, changed_at = excluded.changed_at
"""

_BLANK: Final = """
    UPDATE leads l SET facts = u.facts FROM unnest($1::uuid[], $2::text[]) AS u (lead_id, facts)
    WHERE l.lead_id = u.lead_id
"""


class PostgresLeadBook:
    """See ports.LeadBook."""

    async def load(self, work: Work, wanted: Sequence[NewLink]) -> People:
        """See ports.LeadBook."""
        found = await identities.claim(work, wanted)
        people = People(links=found.links, claims=found.claims, any_erased=found.any_erased)
        evidence = [lead_ids for key, lead_ids in found.links.items() if key.kind != "click_id"]
        if evidence:
            people.leads = await _lock_leads(work, [ids for ids in evidence if len(ids) <= MAX_SHARED])
        return people

    async def load_leads(self, work: Work, lead_ids: Iterable[str]) -> dict[str, Person]:
        """See ports.LeadBook."""
        wanted = set(lead_ids)
        survivors = await resolve(work, wanted)
        ids = {survivors.get(lead_id, lead_id) for lead_id in wanted}
        found = {row["lead_id"]: person_of(row) for row in await work.fetch(_LEADS, list(ids))}
        return {
            lead_id: found[survivor] for lead_id in wanted if (survivor := survivors.get(lead_id, lead_id)) in found
        }

    async def look(self, work: Work, keys: Collection[IdentityKey]) -> People:
        """Who has these identities, as `load` would find it, with nothing claimed, locked or to be saved."""
        people = People(links=await identities.find(work, keys))
        leads = await self.load_leads(work, {lead_id for lead_ids in people.links.values() for lead_id in lead_ids})
        for lead_ids in people.links.values():
            lead_ids[:] = dict.fromkeys(leads[lead_id].lead_id for lead_id in lead_ids if lead_id in leads)
        people.leads = {person.lead_id: person for person in leads.values()}
        return people

    async def lock_leads(self, work: Work, lead_ids: Iterable[str]) -> dict[str, Person]:
        """See ports.LeadBook."""
        asked = [[lead_id] for lead_id in dict.fromkeys(lead_ids)]
        wanted = [one[0] for one in asked]
        found = await _lock_leads(work, asked)
        return {lead_id: found[one[0]] for lead_id, one in zip(wanted, asked, strict=True) if one[0] in found}

    async def save_leads(self, work: Work, people: Iterable[Person]) -> None:
        """See ports.LeadBook."""
        await save_leads(work, people)

    async def save(self, work: Work, people: People) -> None:
        """See ports.LeadBook."""
        await save_leads(work, [person for person in people.leads.values() if person.changed])
        await identities.save_links(work, people)


async def _lock_leads(work: Work, linked: Sequence[list[str]]) -> dict[str, Person]:
    """The leads, locked. Ids of those that were merged away are replaced, in place, by those of the surviving leads."""
    rows = await work.fetch(_LOCK, list({lead_id for lead_ids in linked for lead_id in lead_ids}))
    merged = [row["lead_id"] for row in rows if row["merged_into"] is not None]
    if merged:
        survivors = await resolve(work, merged)
        for lead_ids in linked:
            lead_ids[:] = dict.fromkeys(survivors.get(lead_id, lead_id) for lead_id in lead_ids)
        rows = [*rows, *await work.fetch(_LOCK, list(set(survivors.values())))]
    return {row["lead_id"]: person_of(row) for row in rows}


def person_of(row: Any) -> Person:
    """A lead's row as a person."""
    return Person(row["lead_id"], row["lead_version"], row["created_us"], row["facts"])


async def save_leads(work: Work, people: Iterable[Person]) -> None:
    """Insert or replace leads as they stand."""
    ordered = sorted(people, key=lambda person: person.lead_id)
    if ordered:
        await work.execute(
            _SAVE_LEADS,
            [person.lead_id for person in ordered],
            [person.version for person in ordered],
            [person.created_us for person in ordered],
            [person.stored() for person in ordered],
            work.now,
        )


class LeadTables:
    """See shared.persistence.erasing.PersonalTables."""

    tables: Final = ("leads",)

    async def erase(self, work: Work, lead_ids: Sequence[str]) -> None:
        """See PersonalTables. The caller has locked the leads."""
        rows = await work.fetch(_LEADS, lead_ids)
        blank = [state_to_json(blanked(state_from_json(row["facts"]))).decode() for row in rows]
        await work.execute(_BLANK, [row["lead_id"] for row in rows], blank)

    async def export(self, work: Work, lead_ids: Sequence[str]) -> Mapping[str, Any]:
        """See PersonalTables."""
        rows = await work.fetch(_LEADS, lead_ids)
        return {"leads": [_exported(row) for row in rows]}


def _exported(row: Any) -> dict[str, Any]:
    """A lead as it stands, and what each submission still contributes to it."""
    facts = state_from_json(row["facts"])
    submissions = [
        {"received_at": instant_of(layer.stamp.received_us), "record_id": layer.stamp.record_id, "facts": layer.facts}
        for layer in facts.named()
    ]
    lead = lead_view(facts, row["lead_id"])
    return {"lead": lead, "lead_version": row["lead_version"], "submissions": submissions}
