"""Erasing people in Postgres: lock, blank, keep out, remember."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import orjson

from services.capture.adapters.postgres.behaviour_erasure import forget_waiting
from services.capture.adapters.postgres.identities import digests_of_leads, lock_digests, shared_digests
from services.capture.adapters.postgres.personal import PERSONAL
from services.capture.adapters.postgres.quarantine import empty_quarantine
from services.capture.domain.erasing import ErasedFamily, are_several, keep_out_digest, keys_to_keep_out
from services.capture.domain.facts import state_from_json
from services.capture.domain.identity import IdentityKey, digest_of, keys_of_facts
from services.capture.ports import PersonRequest
from shared.handling.work import Work
from shared.persistence.aliases import all_ids
from shared.persistence.decisions import ClaimLost
from shared.persistence.erasing import erase_all
from shared.persistence.tombstones import find_tombstones, keep_tombstones

_FIND: Final = "SELECT lead_id::text, lead_version FROM leads WHERE lead_id = ANY($1::uuid[])"
_LOCK: Final = """
    SELECT lead_id::text, lead_version, facts FROM leads WHERE lead_id = ANY($1::uuid[]) ORDER BY lead_id FOR UPDATE
"""
_VERSIONS: Final = """
    UPDATE leads l SET lead_version = u.lead_version, changed_at = $3
    FROM unnest($1::uuid[], $2::int[]) AS u (lead_id, lead_version) WHERE l.lead_id = u.lead_id
"""
_KEEP_OUT: Final = """
    INSERT INTO kept_out AS k (digest, erased_at) SELECT u.digest, $2 FROM unnest($1::uuid[]) AS u (digest) ORDER BY 1
    ON CONFLICT (digest) DO UPDATE SET erased_at = GREATEST(k.erased_at, excluded.erased_at)
"""
_NOTE: Final = """
    INSERT INTO person_requests (request_id, kind, reason, requested_by, leads, kept_out, requested_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING
"""
_NOTED: Final = """
    SELECT request_id::text, kind, reason, requested_by, leads, kept_out, requested_at FROM person_requests
"""
_FIND_WAITING: Final = """
    SELECT event_id::text, strong FROM quarantine
    WHERE digests @> ARRAY[$1::uuid] AND record IS NOT NULL AND (NOT $3 OR COALESCE(strong, '{}') = '{}')
    UNION ALL SELECT event_id::text, NULL FROM behaviours WHERE waits_for = $1::uuid AND lead_id IS NULL LIMIT $2
"""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class PostgresErasureBook:
    """See ports.ErasureBook. `secret` keys the digests of what is kept out."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    async def lock(self, work: Work, lead_ids: Sequence[str]) -> Sequence[ErasedFamily]:
        """See ports.ErasureBook. Raises ClaimLost where a lead was given another identity meanwhile."""
        await _shut(work, always=not lead_ids)
        families = await all_ids(work, lead_ids)
        members = sorted({member for family in families.values() for member in family})
        digests = await digests_of_leads(work, members)
        await lock_digests(work, digests)
        rows = {row["lead_id"]: row for row in await work.fetch(_LOCK, members)}
        if await digests_of_leads(work, members) != digests or await all_ids(work, lead_ids) != families:
            raise ClaimLost
        erased = await find_tombstones(work, members)
        return [
            ErasedFamily(lead_id, erased.get(lead_id) or _next_version(family, rows), tuple(family[1:]))
            for lead_id, family in families.items()
            if lead_id in rows
        ]

    async def find(self, work: Work, lead_ids: Sequence[str]) -> Sequence[ErasedFamily]:
        """See ports.ErasureBook."""
        families = await all_ids(work, lead_ids)
        rows = await work.fetch(_FIND, list(families))
        versions = {row["lead_id"]: row["lead_version"] for row in rows}
        return [
            ErasedFamily(lead_id, versions[lead_id], tuple(family[1:]))
            for lead_id, family in families.items()
            if lead_id in versions
        ]

    async def erase(
        self, work: Work, families: Sequence[ErasedFamily], digests: Sequence[str], waiting: Sequence[str]
    ) -> int:
        """See ports.ErasureBook."""
        versions = {member: f.lead_version for f in families for member in (f.lead_id, *f.aliases)}
        members = sorted(versions)
        keep_out = sorted({*digests, *await self._digests_of(work, members)})
        if waiting:
            await forget_waiting(work, waiting)
            await empty_quarantine(work, waiting)
        await erase_all(PERSONAL, work, members)
        await work.execute(_VERSIONS, members, [versions[member] for member in members], work.now)
        await keep_tombstones(work, versions, work.now)
        if keep_out:
            await work.execute(_KEEP_OUT, keep_out, work.now)
        return len(keep_out)

    async def _digests_of(self, work: Work, members: Sequence[str]) -> list[str]:
        rows = await work.fetch("SELECT facts FROM leads WHERE lead_id = ANY($1::uuid[])", members)
        states = [state_from_json(row["facts"]) for row in rows]
        keys = {key for state in states for layer in state.layers for key in keys_of_facts(layer.facts)}
        shared = await shared_digests(work, [digest_of(key) for key in keys], members)
        found = keys_to_keep_out(states, {key for key in keys if digest_of(key) in shared})
        return [keep_out_digest(key, secret=self._secret) for key in found]

    async def kept_out(self, work: Work, keys: Sequence[IdentityKey]) -> Mapping[IdentityKey, int]:
        """See ports.ErasureBook."""
        by_digest = {keep_out_digest(key, secret=self._secret): key for key in keys if key.kind != "click_id"}
        rows = await work.fetch(
            "SELECT digest, erased_at FROM kept_out WHERE digest = ANY($1::uuid[])", list(by_digest)
        )
        return {by_digest[row["digest"].hex]: _microseconds(row["erased_at"]) for row in rows}

    async def is_erased(self, work: Work, lead_ids: Sequence[str]) -> bool:
        """See ports.ErasureBook."""
        return bool(await find_tombstones(work, lead_ids))

    async def note(self, work: Work, request: PersonRequest) -> None:
        """See ports.ErasureBook."""
        leads = orjson.dumps([family._asdict() for family in request.families]).decode()
        told = (request.kind, request.reason, request.requested_by, leads, request.kept_out)
        await work.execute(_NOTE, request.request_id, *told, work.now)

    async def noted(self, work: Work, request_id: str) -> PersonRequest | None:
        """See ports.ErasureBook."""
        rows = await work.fetch(f"{_NOTED} WHERE request_id = $1", request_id)
        return _request(rows[0]) if rows else None


async def _shut(work: Work, *, always: bool) -> None:
    """Let nobody add an identity until the work is done. The first erasure needs that, for nobody looks before; so does one
    that has no identity to lock."""
    if always or not (await work.fetch("SELECT EXISTS (SELECT FROM kept_out)"))[0][0]:
        await work.execute("LOCK TABLE identities IN EXCLUSIVE MODE")


def _next_version(family: Iterable[str], rows: Mapping[str, Any]) -> int:
    newest: int = max(rows[member]["lead_version"] for member in family if member in rows)
    return newest + 1


def _microseconds(at: datetime) -> int:
    passed: int = (at - _EPOCH) // _MICROSECOND
    return passed


def _request(row: Any) -> PersonRequest:
    families = [ErasedFamily(f["lead_id"], f["lead_version"], tuple(f["aliases"])) for f in orjson.loads(row["leads"])]
    return PersonRequest(row["request_id"], row["kind"], row["reason"], row["requested_by"], families, row["kept_out"])


async def find_leads(work: Work, key: IdentityKey) -> list[str]:
    """The leads that an identifier belongs to now, those merged away by their winners."""
    digest = digest_of(key)
    rows = await work.fetch(
        """
        SELECT lead_id::text FROM identities WHERE digest = $1
        UNION SELECT lead_id::text FROM identity_shares WHERE digest = $1
        """,
        digest,
    )
    return sorted(await all_ids(work, [row["lead_id"] for row in rows]))


class Waiting(NamedTuple):
    """Events of a person that are no lead's, by id; whether they are of several people."""

    event_ids: list[str]
    are_several: bool


async def find_waiting(work: Work, key: IdentityKey, limit: int, *, alone: bool = False) -> Waiting:
    """Events that name this identifier and are no lead's: submissions in quarantine, and behaviour that waits. With
    `alone` only those that name nothing else by which one person is known: all others are found by that."""
    rows = await work.fetch(_FIND_WAITING, digest_of(key), limit, alone)
    is_shared = key.kind == "phone" and are_several([one.hex for one in row["strong"] or ()] for row in rows)
    return Waiting(sorted(row["event_id"] for row in rows), is_shared)


async def list_requests(work: Work, limit: int) -> list[dict[str, Any]]:
    """Who asked for what, the newest first."""
    rows = await work.fetch(f"{_NOTED} ORDER BY requested_at DESC, request_id LIMIT $1", limit)
    return [{**dict(row), "leads": orjson.loads(row["leads"])} for row in rows]
