"""Leads and identities in Postgres: one statement a batch and table, everything sorted against deadlocks."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from services.capture.adapters.postgres import identities, likes
from services.capture.adapters.postgres.conversions import converted_among
from services.capture.domain.erasing import blanked
from services.capture.domain.facts import instant_of, state_from_json, state_to_json
from services.capture.domain.identity import IdentityKey
from services.capture.domain.people import MAX_SHARED, NewLink, People, Submitted
from services.capture.domain.person import Person
from services.capture.domain.survivorship import DEFAULT, Survivorship
from services.capture.domain.view import lead_view
from shared.handling.work import Work
from shared.persistence.aliases import resolve

_LEADS: Final = """
    SELECT lead_id::text, lead_version, created_us, merged_into::text, facts, own_facts FROM leads
    WHERE lead_id = ANY($1::uuid[]) ORDER BY leads.lead_id
"""
_LOCK: Final = f"{_LEADS} FOR UPDATE"
_SAVE_LEADS: Final = """
    INSERT INTO leads (lead_id, lead_version, created_us, facts, changed_at)
    SELECT u.*, $5 FROM unnest($1::uuid[], $2::int[], $3::bigint[], $4::text[]) AS u
    ON CONFLICT (lead_id) DO UPDATE
    SET lead_version = excluded.lead_version, facts = excluded.facts, changed_at = excluded.changed_at
"""
_SAVE_SHAPES: Final = """
    UPDATE leads AS l SET own_facts = u.own_facts, merged_into = u.merged_into
    FROM unnest($1::uuid[], $2::text[], $3::uuid[]) AS u (lead_id, own_facts, merged_into) WHERE l.lead_id = u.lead_id
"""

_BLANK: Final = """
    UPDATE leads l SET facts = u.facts, own_facts = NULL FROM unnest($1::uuid[], $2::text[]) AS u (lead_id, facts)
    WHERE l.lead_id = u.lead_id
"""


class PostgresLeadBook:
    """See ports.LeadBook. Leads merge by the survivorship that is given here."""

    def __init__(self, survivorship: Survivorship = DEFAULT) -> None:
        self.survivorship = survivorship

    async def load(self, work: Work, wanted: Sequence[NewLink]) -> People:
        """See ports.LeadBook."""
        found = await identities.claim(work, wanted)
        people = People(links=found.links, claims=found.claims, any_erased=found.any_erased)
        evidence = {
            lead_id
            for key, lead_ids in found.links.items()
            if key.kind != "click_id" and len(lead_ids) <= MAX_SHARED
            for lead_id in lead_ids
        }
        if evidence:
            people.leads = await self._with_roots(work, evidence, _LOCK)
        return people

    async def load_likes(self, work: Work, people: People, submissions: Sequence[Submitted]) -> None:
        """See ports.LeadBook."""
        await self._load_likes(work, people, submissions, _LOCK)

    async def load_leads(self, work: Work, lead_ids: Iterable[str]) -> dict[str, Person]:
        """See ports.LeadBook."""
        wanted = set(lead_ids)
        survivors = await resolve(work, wanted)
        ids = {survivors.get(lead_id, lead_id) for lead_id in wanted}
        found = {person.lead_id: person for person in await self._fetch(work, _LEADS, ids)}
        return {
            lead_id: found[survivor] for lead_id in wanted if (survivor := survivors.get(lead_id, lead_id)) in found
        }

    async def look(self, work: Work, keys: Collection[IdentityKey], submissions: Sequence[Submitted]) -> People:
        """Who has these identities, and who is like these submissions, as `load` and `load_likes` would find it, with
        nothing claimed, locked or to be saved."""
        people = People(links=await identities.find(work, keys))
        linked = {lead_id for lead_ids in people.links.values() for lead_id in lead_ids}
        people.leads = await self._with_roots(work, linked, _LEADS) if linked else {}
        for lead_ids in people.links.values():
            lead_ids[:] = [lead_id for lead_id in lead_ids if lead_id in people.leads]
        await self._load_likes(work, people, submissions, _LEADS)
        return people

    async def lock_leads(self, work: Work, lead_ids: Iterable[str]) -> dict[str, Person]:
        """See ports.LeadBook."""
        asked = set(lead_ids)
        found = await self._with_roots(work, asked, _LOCK)
        return {lead_id: found[person.root_id or lead_id] for lead_id, person in found.items() if lead_id in asked}

    async def save_leads(self, work: Work, people: Iterable[Person]) -> None:
        """See ports.LeadBook."""
        await save_leads(work, people)

    async def save(self, work: Work, people: People) -> None:
        """See ports.LeadBook."""
        await save_leads(work, [person for person in people.leads.values() if person.changed])
        await identities.save_links(work, people)
        joining = people.joining
        await likes.enter_blocks(work, joining.new_blocks)
        if joining.pairs:
            await likes.ask_about(work, joining.pairs.values())

    async def _load_likes(self, work: Work, people: People, submissions: Sequence[Submitted], statement: str) -> None:
        wanted = people.blocks_wanted(submissions)
        if wanted:
            people.joining.blocks = await likes.block_mates(work, wanted)
            missing = set(people.joining.block_mates(people.joining.blocks)) - people.leads.keys()
            if missing:
                people.leads.update(await self._with_roots(work, missing, statement))
        if people.may_join(submissions):
            people.joining.kept = await likes.kept_pairs(work, people.leads)
            people.joining.customers = await converted_among(work, list(people.leads))

    async def _with_roots(self, work: Work, wanted: Iterable[str], statement: str) -> dict[str, Person]:
        """The leads, and those that they were merged into; locked, where the statement locks."""
        people = {person.lead_id: person for person in await self._fetch(work, statement, wanted)}
        merged = [lead_id for lead_id, person in people.items() if person.parent_id is not None]
        if merged:
            survivors = await resolve(work, merged)
            missing = set(survivors.values()) - people.keys()
            people.update({person.lead_id: person for person in await self._fetch(work, statement, missing)})
            for lead_id in merged:
                people[lead_id].root_id = survivors[lead_id]
        return people

    async def _fetch(self, work: Work, statement: str, wanted: Iterable[str]) -> list[Person]:
        return [person_of(row, self.survivorship) for row in await work.fetch(statement, list(wanted))]


def person_of(row: Any, survivorship: Survivorship) -> Person:
    """A lead's row as a person."""
    return Person(
        row["lead_id"],
        row["lead_version"],
        row["created_us"],
        row["facts"],
        own=row["own_facts"],
        parent_id=row["merged_into"],
        survivorship=survivorship,
    )


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
    reshaped = [person for person in ordered if person.reshaped]
    if reshaped:
        await work.execute(
            _SAVE_SHAPES,
            [person.lead_id for person in reshaped],
            [person.stored_own() for person in reshaped],
            [person.parent_id for person in reshaped],
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
