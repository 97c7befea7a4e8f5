"""Leads and identities in Postgres: one statement a batch and table, everything sorted against deadlocks."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from services.capture.domain.facts import state_from_json, state_to_json
from services.capture.domain.identity import IdentityKey
from services.capture.domain.people import MAX_SHARED, NewLink, People, Person
from shared.handling.work import Work
from shared.persistence.aliases import resolve
from shared.persistence.decisions import ClaimLost

_CLAIM: Final = """
    INSERT INTO identities (kind, value) SELECT * FROM unnest($1::text[], $2::text[])
    ON CONFLICT (kind, value) DO NOTHING RETURNING identity_id, kind, value
"""
_LOCK: Final = """
    SELECT i.identity_id, i.kind, i.value
    FROM unnest($1::text[], $2::text[]) AS u (kind, value)
    JOIN identities i ON i.kind = u.kind COLLATE "C" AND i.value = u.value COLLATE "C"
    ORDER BY i.kind, i.value FOR UPDATE OF i
"""
_LINKS: Final = f"""
    SELECT l.identity_id, l.lead_id::text
    FROM unnest($1::bigint[]) AS u (id) CROSS JOIN LATERAL (
        SELECT identity_id, lead_id FROM identity_links WHERE identity_id = u.id ORDER BY lead_id LIMIT {MAX_SHARED + 1}
    ) AS l
"""
_LEADS: Final = """
    SELECT lead_id::text, lead_version, created_us, merged_into, facts FROM leads
    WHERE lead_id = ANY($1::uuid[]) ORDER BY lead_id
"""
_SAVE_LEADS: Final = """
    INSERT INTO leads (lead_id, lead_version, created_us, facts, changed_at)
    SELECT u.*, $5 FROM unnest($1::uuid[], $2::int[], $3::bigint[], $4::text[]) AS u
    ON CONFLICT (lead_id) DO UPDATE
    SET lead_version = excluded.lead_version, facts = excluded.facts, changed_at = excluded.changed_at
"""
_SAVE_LINKS: Final = """
    INSERT INTO identity_links (identity_id, lead_id, event_id)
    SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::uuid[]) ON CONFLICT DO NOTHING
"""


class PostgresLeadBook:
    """See ports.LeadBook. The ids of a batch's identities are kept with its people."""

    async def load(self, work: Work, keys: Iterable[IdentityKey]) -> People:
        """See ports.LeadBook."""
        identity_ids, known = await _claim(work, sorted(set(keys)))
        people = IdentifiedPeople(identity_ids=identity_ids)
        # A click id is kept as evidence and never decides, so its links are not read.
        by_id = {identity_ids[key]: key for key in known if key.kind != "click_id"}
        if by_id:
            for row in await work.fetch(_LINKS, list(by_id)):
                people.links.setdefault(by_id[row[0]], []).append(row[1])
        wanted = {lead_id for lead_ids in people.links.values() if len(lead_ids) <= MAX_SHARED for lead_id in lead_ids}
        if wanted:
            people.leads = await _lock_leads(work, wanted)
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

    async def save(self, work: Work, people: People) -> None:
        """See ports.LeadBook."""
        assert isinstance(people, IdentifiedPeople)
        await save_leads(work, [person for person in people.leads.values() if person.changed])
        await _save_links(work, people.new_links, people.identity_ids)


class IdentifiedPeople(People):
    """People whose identities have a row each."""

    def __init__(self, *, identity_ids: dict[IdentityKey, int]) -> None:
        super().__init__()
        self.identity_ids = identity_ids


async def _claim(work: Work, keys: Sequence[IdentityKey]) -> tuple[dict[IdentityKey, int], list[IdentityKey]]:
    """The row of each key, made or locked, and which keys were there before."""
    if not keys:
        return {}, []
    rows = await work.fetch(_CLAIM, [key.kind for key in keys], [key.value for key in keys])
    found = {IdentityKey(row[1], row[2]): row[0] for row in rows}
    known = [key for key in keys if key not in found]
    if known:
        rows = await work.fetch(_LOCK, [key.kind for key in known], [key.value for key in known])
        found.update((IdentityKey(row[1], row[2]), row[0]) for row in rows)
    return found, known


async def _lock_leads(work: Work, lead_ids: Iterable[str]) -> dict[str, Person]:
    rows = await work.fetch(f"{_LEADS} FOR UPDATE", list(lead_ids))
    if any(row["merged_into"] is not None for row in rows):
        raise ClaimLost  # a merge moved the identities between the two reads: look again
    return {row["lead_id"]: person_of(row) for row in rows}


def person_of(row: Any) -> Person:
    """A lead's row as a person."""
    return Person(row["lead_id"], row["lead_version"], state_from_json(row["facts"]), row["created_us"])


async def save_leads(work: Work, people: Iterable[Person]) -> None:
    """Insert or replace leads as they stand."""
    ordered = sorted(people, key=lambda person: person.lead_id)
    if ordered:
        await work.execute(
            _SAVE_LEADS,
            [person.lead_id for person in ordered],
            [person.version for person in ordered],
            [person.created_us for person in ordered],
            [state_to_json(person.facts).decode() for person in ordered],
            work.now,
        )


async def _save_links(work: Work, links: Sequence[NewLink], identity_ids: dict[IdentityKey, int]) -> None:
    if links:
        ordered = sorted((identity_ids[link.key], link.lead_id, link.event_id) for link in links)
        await work.execute(_SAVE_LINKS, *(list(column) for column in zip(*ordered, strict=True)))
