"""Behaviour in Postgres: whom a batch names, strangers under lock, events that wait and events of leads."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from services.capture.adapters.postgres.behaviour_corrections import Corrections
from services.capture.adapters.postgres.behaviour_rows import READ, kept_of
from services.capture.behaviour_ports import Kept, Settlement
from services.capture.domain.behaviour.stitching import Known, Link, Party
from services.capture.domain.facts import state_from_json
from services.capture.domain.identity import IdentityKey, digest_of
from services.capture.domain.lifecycle import LEAD, state_of
from shared.handling.work import Work
from shared.persistence.aliases import resolve
from shared.persistence.rows import add_rows

# An identity that several leads share names none of them; of an e-mail address or an outside id the first lead has it.
_PEOPLE: Final = """
    SELECT i.digest, i.lead_id::text, EXISTS (SELECT FROM identity_shares s WHERE s.digest = i.digest) AS shared
    FROM identities i WHERE i.digest = ANY($1::uuid[])
"""
_LEADS: Final = """
    SELECT lead_id::text FROM leads l
    WHERE lead_id = ANY($1::uuid[]) AND NOT EXISTS (SELECT FROM tombstones t WHERE t.lead_id = l.lead_id)
"""
_LOCK: Final = """
    INSERT INTO parties AS p (digest, is_person, last_at)
    SELECT u.*, $3 FROM unnest($1::uuid[], $2::boolean[]) AS u (digest, is_person)
    ON CONFLICT (digest) DO UPDATE SET last_at = greatest(p.last_at, excluded.last_at)
    RETURNING digest, waiting, is_linked
"""
_LINKS: Final = """
    SELECT visitor, since_us, lead_id::text, event_id::text, matched_by FROM visitor_links
    WHERE visitor = ANY($1::uuid[]) AND unlinked_at IS NULL
"""
_SAVE_PARTIES: Final = """
    UPDATE parties AS p SET waiting = u.waiting, is_linked = u.is_linked
    FROM unnest($1::uuid[], $2::int[], $3::boolean[]) AS u (digest, waiting, is_linked) WHERE p.digest = u.digest
"""
_SAVE_LINKS: Final = """
    INSERT INTO visitor_links (visitor, event_id, lead_id, since_us, matched_by, evidence, linked_at)
    SELECT u.*, $7 FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::text[], $6::text[]) AS u
    ON CONFLICT DO NOTHING
"""
_COLUMNS: Final = (
    "event_id", "occurred_us", "received_ms", "waits_for", "lead_id", "settled_by", "linked_by", "visitor", "message",
    "matched_by", "body", "context", "tells",
)  # fmt: skip
_WAITING: Final = f"""
    {READ} WHERE waits_for = ANY($1::uuid[]) ORDER BY waits_for, occurred_us, event_id LIMIT $2 FOR UPDATE
"""
# Two ways, each with its index: by its own event, and by another one.
_SETTLED_BY: Final = f"""
    {READ} WHERE event_id = ANY($1::uuid[]) AND settled_by = event_id
    UNION ALL {READ} WHERE settled_by = ANY($1::uuid[]) AND settled_by <> event_id
    ORDER BY occurred_us, event_id
"""
# The text is looked for first: of nearly all leads the facts are not read.
_TARGETS: Final = """
    SELECT lead_id::text, facts FROM leads
    WHERE lead_id = ANY($1::uuid[]) AND (strpos(facts, '"target"') > 0 OR strpos(facts, '"expired"') > 0)
"""
_CLICKS: Final = """
    SELECT replace(message::text, '-', ''), occurred_us FROM behaviours
    WHERE message = ANY($1::uuid[]) ORDER BY occurred_us DESC LIMIT 1000
"""
_AWAITED: Final = """
    SELECT i.digest, i.lead_id::text FROM identities i
    WHERE i.digest = ANY($1::uuid[]) AND NOT EXISTS (SELECT FROM identity_shares s WHERE s.digest = i.digest)
"""
_VISITORS: Final = "SELECT DISTINCT visitor FROM behaviours WHERE waits_for = ANY($1::uuid[]) AND visitor IS NOT NULL"
_SETTLE: Final = """
    UPDATE behaviours AS b
    SET lead_id = u.lead_id, settled_by = u.settled_by, linked_by = u.linked_by, matched_by = u.matched_by,
        waits_for = NULL
    FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[])
         AS u (event_id, lead_id, settled_by, linked_by, matched_by)
    WHERE b.event_id = u.event_id
"""


class PostgresBehaviourBook(Corrections):
    """See ports.BehaviourBook. Identities are only read; strangers are locked in the order of their digests."""

    async def people(self, work: Work, keys: Iterable[IdentityKey], lead_ids: Iterable[str]) -> Known:
        """See ports.BehaviourBook."""
        by_digest = {digest_of(key): key for key in keys}
        asked, people, leads = set(lead_ids), dict[IdentityKey, str](), dict[str, str]()
        if by_digest:
            for row in await work.fetch(_PEOPLE, list(by_digest)):
                key = by_digest[row["digest"].hex]
                if not (row["shared"] and key.kind == "phone"):
                    people[key] = row["lead_id"]
        if asked:
            leads = {row["lead_id"]: row["lead_id"] for row in await work.fetch(_LEADS, list(asked))}
        if concerned := {*people.values(), *leads}:
            survivors = await resolve(work, concerned)
            people = {key: survivors.get(lead_id, lead_id) for key, lead_id in people.items()}
            leads = {lead_id: survivors.get(lead_id, lead_id) for lead_id in leads}
        return Known(people, leads)

    async def lock(self, work: Work, parties: Mapping[str, bool]) -> dict[str, Party]:
        """See ports.BehaviourBook."""
        if not parties:
            return {}
        digests = sorted(parties)
        rows = await work.fetch(_LOCK, digests, [parties[digest] for digest in digests], work.now)
        found = {row["digest"].hex: Party(row["digest"].hex, row["waiting"]) for row in rows}
        if linked := [row["digest"].hex for row in rows if row["is_linked"]]:
            await self._read_links(work, linked, found)
        return found

    async def _read_links(self, work: Work, visitors: Sequence[str], found: Mapping[str, Party]) -> None:
        rows = await work.fetch(_LINKS, visitors)
        survivors = await resolve(work, {row["lead_id"] for row in rows})
        for row in rows:
            lead_id = survivors.get(row["lead_id"], row["lead_id"])
            link = Link(row["since_us"], lead_id, row["event_id"], row["matched_by"])
            found[row["visitor"].hex].links.append(link)

    async def waiting(self, work: Work, parties: Sequence[str], limit: int) -> list[Kept]:
        """See ports.BehaviourBook."""
        return [kept_of(row) for row in await work.fetch(_WAITING, sorted(parties), limit)] if parties else []

    async def settled_by(self, work: Work, event_ids: Sequence[str]) -> list[Kept]:
        """See ports.BehaviourBook."""
        return [kept_of(row) for row in await work.fetch(_SETTLED_BY, event_ids)] if event_ids else []

    async def targets_among(self, work: Work, lead_ids: Sequence[str]) -> Collection[str]:
        """See ports.BehaviourBook."""
        rows = await work.fetch(_TARGETS, lead_ids)
        return {row["lead_id"] for row in rows if state_of(state_from_json(row["facts"])) != LEAD}

    async def clicks(self, work: Work, messages: Sequence[str]) -> Sequence[tuple[str, int]]:
        """See ports.BehaviourBook."""
        return [(row[0], row[1]) for row in await work.fetch(_CLICKS, messages)]

    async def leads_awaited(self, work: Work, persons: Sequence[str]) -> Mapping[str, str]:
        """See ports.BehaviourBook. An identity that several leads share by now names none of them."""
        found = {row["digest"].hex: row["lead_id"] for row in await work.fetch(_AWAITED, persons)}
        survivors = await resolve(work, set(found.values()))
        return {digest: survivors.get(lead_id, lead_id) for digest, lead_id in found.items()}

    async def visitors_among(self, work: Work, parties: Sequence[str]) -> Sequence[str]:
        """See ports.BehaviourBook."""
        return [row["visitor"].hex for row in await work.fetch(_VISITORS, parties)]

    async def save(
        self, work: Work, new: Sequence[Kept], settled: Sequence[Settlement], parties: Iterable[Party]
    ) -> None:
        """See ports.BehaviourBook."""
        if new:
            await add_rows(work, "behaviours", _COLUMNS, sorted(new))
        if settled:
            await work.execute(_SETTLE, *map(list, zip(*sorted(settled), strict=True)))
        changed = sorted((p for p in parties if p.changed or p.new_links), key=lambda party: party.digest)
        if changed:
            columns = ([p.digest for p in changed], [p.waiting for p in changed], [bool(p.links) for p in changed])
            await work.execute(_SAVE_PARTIES, *columns)
        links = [
            (p.digest, link.event_id, link.lead_id, link.since_us, link.matched_by, link.evidence)
            for p in changed
            for link in p.new_links
        ]
        if links:
            await work.execute(_SAVE_LINKS, *map(list, zip(*sorted(links), strict=True)), work.now)
