"""Whose an identity is, in Postgres: a row each with its first lead, and further rows where several leads share it."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

import asyncpg

from services.capture.domain.identity import IdentityKey, digest_of
from services.capture.domain.people import MAX_SHARED, NewLink, People
from shared.handling.work import Work

_COLUMNS: Final = ("digest", "lead_id", "event_id")
_CLAIM: Final = """
    INSERT INTO identities (digest, lead_id, event_id) SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[])
    ON CONFLICT (digest) DO NOTHING
"""
# A row of nothing says that somebody was erased: then, and only then, it is asked who stays out.
_LOCK: Final = """
    WITH held AS (
        SELECT digest, lead_id::text, event_id::text FROM identities
        WHERE digest = ANY($1::uuid[]) ORDER BY digest FOR UPDATE
    )
    SELECT * FROM held UNION ALL SELECT NULL, NULL, NULL WHERE EXISTS (SELECT FROM kept_out)
"""
_LOCK_ONLY: Final = "SELECT 1 FROM identities WHERE digest = ANY($1::uuid[]) ORDER BY digest FOR UPDATE"
_SHARES: Final = f"""
    SELECT s.digest, s.lead_id::text
    FROM unnest($1::uuid[]) AS u (digest) CROSS JOIN LATERAL (
        SELECT digest, lead_id FROM identity_shares WHERE digest = u.digest ORDER BY lead_id LIMIT {MAX_SHARED}
    ) AS s
"""
_FIND: Final = "SELECT digest, lead_id::text FROM identities WHERE digest = ANY($1::uuid[])"
_CORRECT: Final = """
    UPDATE identities AS i SET lead_id = u.lead_id, event_id = u.event_id
    FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS u (digest, lead_id, event_id) WHERE i.digest = u.digest
"""
_SHARE: Final = """
    INSERT INTO identity_shares (digest, lead_id, event_id)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) ON CONFLICT DO NOTHING
"""


class Identities(NamedTuple):
    """The identities of a batch, claimed and locked. `links` holds the leads of those that were there before, `claims`
    the lead for which each of the others was claimed. `any_erased`: somebody may have to stay out."""

    links: dict[IdentityKey, list[str]]
    claims: Mapping[IdentityKey, str]
    any_erased: bool = False


async def claim(work: Work, wanted: Sequence[NewLink]) -> Identities:
    """Claim the identities that nobody has, each for the lead that is wanted first; lock the others.

    All in the order of their digests, against deadlocks. What somebody else claims meanwhile is waited for and is theirs.
    """
    links = {digest_of(link.key): link for link in reversed(wanted)}
    digests = sorted(links)
    known, any_erased = await _lock(work, digests) if digests else ({}, False)
    new = [digest for digest in digests if digest not in known] if known else digests
    if new and not await _add(work, [(digest, *links[digest][1:]) for digest in new]):
        known.update(await _claimed_by_others(work, new, links))
    leads = {links[digest].key: [lead_id] for digest, lead_id in known.items()}
    if known:
        for row in await work.fetch(_SHARES, list(known)):
            leads[links[row[0].hex].key].append(row[1])
    claims = {key: lead_id for key, lead_id, _ in (links[digest] for digest in new) if key not in leads}
    return Identities(leads, claims, any_erased)


async def find(work: Work, keys: Collection[IdentityKey]) -> dict[IdentityKey, list[str]]:
    """The leads of those identities that somebody has: claims and locks nothing."""
    by_digest = {digest_of(key): key for key in keys}
    found = {by_digest[row[0].hex]: [row[1]] for row in await work.fetch(_FIND, list(by_digest))}
    if found:
        for row in await work.fetch(_SHARES, [digest_of(key) for key in found]):
            found[by_digest[row[0].hex]].append(row[1])
    return found


async def _lock(work: Work, digests: Collection[str]) -> tuple[dict[str, str], bool]:
    rows = await work.fetch(_LOCK, digests)
    any_erased = bool(rows) and rows[-1][0] is None
    return {row[0].hex: row[1] for row in (rows[:-1] if any_erased else rows)}, any_erased


async def _claimed_by_others(work: Work, digests: Collection[str], wanted: Mapping[str, NewLink]) -> dict[str, str]:
    rows = await work.fetch(_LOCK, digests)
    return {row[0].hex: row[1] for row in rows if row[0] is not None and row[2] != wanted[row[0].hex].event_id}


async def _add(work: Work, rows: Sequence[tuple[str, str, str]]) -> bool:
    """Add rows; False where somebody else added some of them meanwhile. COPY takes half of what the statement takes."""
    try:
        async with work.db.transaction():
            await work.db.copy_records_to_table("identities", columns=_COLUMNS, records=rows)
    except asyncpg.UniqueViolationError:
        await _execute(work, _CLAIM, rows)
        return False
    return True


async def _execute(work: Work, statement: str, rows: Sequence[tuple[str, str, str]]) -> None:
    await work.execute(statement, *(list(column) for column in zip(*rows, strict=True)))


async def save_links(work: Work, people: People) -> None:
    """Store links beyond the claims. The first link of an identity that was claimed for another lead is a correction. One
    that was claimed for a submission that stays out is nobody's."""
    corrections: list[tuple[str, str, str]] = []
    shares: list[tuple[str, str, str]] = []
    for link in people.new_links:
        is_first = link.key in people.claims and people.links[link.key][0] == link.lead_id
        (corrections if is_first else shares).append((digest_of(link.key), link.lead_id, link.event_id))
    if corrections:
        await _execute(work, _CORRECT, sorted(corrections))
    if shares:
        await _execute(work, _SHARE, sorted(shares))
    if people.any_erased and (unused := people.claims.keys() - people.links.keys()):
        await work.execute("DELETE FROM identities WHERE digest = ANY($1::uuid[])", sorted(map(digest_of, unused)))


# No index leads from a lead to its identities: it would cost every submission, and erasures are few.
_OF_LEADS: Final = """
    SELECT digest FROM identities WHERE lead_id = ANY($1::uuid[])
    UNION SELECT digest FROM identity_shares WHERE lead_id = ANY($1::uuid[])
"""
_SHARED: Final = """
    SELECT digest FROM identities WHERE digest = ANY($1::uuid[]) AND lead_id <> ALL($2::uuid[])
    UNION SELECT digest FROM identity_shares WHERE digest = ANY($1::uuid[]) AND lead_id <> ALL($2::uuid[])
"""
# What others share goes to the first of them.
_FORGET: Final = (
    """
    WITH heirs AS (
        SELECT DISTINCT ON (digest) digest, lead_id, event_id FROM identity_shares
        WHERE digest = ANY($1::uuid[]) AND lead_id <> ALL($2::uuid[]) ORDER BY digest, lead_id
    ), passed_on AS (
        UPDATE identities i SET lead_id = h.lead_id, event_id = h.event_id FROM heirs h
        WHERE i.digest = h.digest AND i.lead_id = ANY($2::uuid[]) RETURNING i.digest, i.lead_id
    )
    DELETE FROM identity_shares s USING passed_on p WHERE s.digest = p.digest AND s.lead_id = p.lead_id
    """,
    "DELETE FROM identity_shares WHERE digest = ANY($1::uuid[]) AND lead_id = ANY($2::uuid[])",
    "DELETE FROM identities WHERE digest = ANY($1::uuid[]) AND lead_id = ANY($2::uuid[])",
)


async def digests_of_leads(work: Work, lead_ids: Sequence[str]) -> list[str]:
    """What the identities of these leads are stored under, in order."""
    if not lead_ids:
        return []
    return sorted([row[0].hex for row in await work.fetch(_OF_LEADS, lead_ids)])


async def lock_digests(work: Work, digests: Sequence[str]) -> None:
    """Lock identities, in order."""
    await work.fetch(_LOCK_ONLY, list(digests))


async def shared_digests(work: Work, digests: Sequence[str], lead_ids: Sequence[str]) -> set[str]:
    """Those of these that somebody beside these leads has too."""
    return {row[0].hex for row in await work.fetch(_SHARED, list(digests), list(lead_ids))}


class IdentityTables:
    """See shared.persistence.erasing.PersonalTables: a digest of a phone number can be guessed."""

    tables: Final = ("identities", "identity_shares")

    async def erase(self, work: Work, lead_ids: Sequence[str]) -> None:
        """See PersonalTables. The caller has locked the identities."""
        digests = await digests_of_leads(work, lead_ids)
        for statement in _FORGET:
            await work.execute(statement, digests, list(lead_ids))

    async def export(self, work: Work, lead_ids: Sequence[str]) -> Mapping[str, Any]:
        """See PersonalTables: how many; the identifiers themselves are among the facts."""
        return {"identities": len(await digests_of_leads(work, lead_ids))}
