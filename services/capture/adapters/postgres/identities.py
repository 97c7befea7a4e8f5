"""Whose an identity is, in Postgres: a row each with its first lead, and further rows where several leads share it."""

from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

import asyncpg

from services.capture.domain.identity import IdentityKey
from services.capture.domain.people import MAX_SHARED, NewLink, People
from shared.handling.work import Work

_COLUMNS: Final = ("digest", "lead_id", "event_id")
_CLAIM: Final = """
    INSERT INTO identities (digest, lead_id, event_id) SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[])
    ON CONFLICT (digest) DO NOTHING
"""
_LOCK: Final = """
    SELECT digest, lead_id::text, event_id::text FROM identities
    WHERE digest = ANY($1::uuid[]) ORDER BY digest FOR UPDATE
"""
_SHARES: Final = f"""
    SELECT s.digest, s.lead_id::text
    FROM unnest($1::uuid[]) AS u (digest) CROSS JOIN LATERAL (
        SELECT digest, lead_id FROM identity_shares WHERE digest = u.digest ORDER BY lead_id LIMIT {MAX_SHARED}
    ) AS s
"""
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
    the lead for which each of the others was claimed."""

    links: dict[IdentityKey, list[str]]
    claims: Mapping[IdentityKey, str]


def digest_of(key: IdentityKey) -> str:
    """Half of the SHA-256 of a key, in hexadecimal: what it is stored under."""
    return sha256(f"{key.kind}\0{key.value}".encode()).hexdigest()[:32]


async def claim(work: Work, wanted: Sequence[NewLink]) -> Identities:
    """Claim the identities that nobody has, each for the lead that is wanted first; lock the others.

    All in the order of their digests, against deadlocks. What somebody else claims meanwhile is waited for and is theirs.
    """
    links = {digest_of(link.key): link for link in reversed(wanted)}
    digests = sorted(links)
    known = await _lock(work, digests) if digests else {}
    new = [digest for digest in digests if digest not in known] if known else digests
    if new and not await _add(work, [(digest, *links[digest][1:]) for digest in new]):
        known.update(await _claimed_by_others(work, new, links))
    leads = {links[digest].key: [lead_id] for digest, lead_id in known.items()}
    if known:
        for row in await work.fetch(_SHARES, list(known)):
            leads[links[row[0].hex].key].append(row[1])
    return Identities(
        leads, {key: lead_id for key, lead_id, _ in (links[digest] for digest in new) if key not in leads}
    )


async def _lock(work: Work, digests: Collection[str]) -> dict[str, str]:
    return {row[0].hex: row[1] for row in await work.fetch(_LOCK, digests)}


async def _claimed_by_others(work: Work, digests: Collection[str], wanted: Mapping[str, NewLink]) -> dict[str, str]:
    rows = await work.fetch(_LOCK, digests)
    return {row[0].hex: row[1] for row in rows if row[2] != wanted[row[0].hex].event_id}


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
    """Store links beyond the claims. The first link of an identity that was claimed for another lead is a correction."""
    corrections: list[tuple[str, str, str]] = []
    shares: list[tuple[str, str, str]] = []
    for link in people.new_links:
        is_first = link.key in people.claims and people.links[link.key][0] == link.lead_id
        (corrections if is_first else shares).append((digest_of(link.key), link.lead_id, link.event_id))
    if corrections:
        await _execute(work, _CORRECT, sorted(corrections))
    if shares:
        await _execute(work, _SHARE, sorted(shares))
