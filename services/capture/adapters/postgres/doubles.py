"""Forms that were sent lately, in Postgres, by a keyed digest of what they said."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from services.capture.domain.doubles import Sent
from shared.handling.work import Work

_KEPT: Final = timedelta(days=1)
_READ: Final = "SELECT digest, lead_id::text, received_ms FROM sent_forms WHERE digest = ANY($1::uuid[])"
_SAVE: Final = """
    INSERT INTO sent_forms (digest, lead_id, received_ms)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[])
    ON CONFLICT (digest) DO UPDATE SET lead_id = excluded.lead_id, received_ms = excluded.received_ms
"""
# A few at a time, whoever sends: nothing piles up, and nobody waits for a sweep.
_PURGE: Final = """
    DELETE FROM sent_forms WHERE digest = ANY(ARRAY(
        SELECT digest FROM sent_forms WHERE received_ms < $1 ORDER BY received_ms LIMIT 500 FOR UPDATE SKIP LOCKED
    ))
"""


class PostgresDoubleBook:
    """See ports.DoubleBook."""

    async def known(self, work: Work, digests: Sequence[str]) -> Mapping[str, Sent]:
        """See ports.DoubleBook."""
        rows = await work.fetch(_READ, sorted(digests))
        return {row["digest"].hex: Sent(row["digest"].hex, row["lead_id"], row["received_ms"]) for row in rows}

    async def save(self, work: Work, sent: Sequence[Sent]) -> None:
        """See ports.DoubleBook."""
        newest = {each.digest: each for each in sent}
        ordered = [newest[digest] for digest in sorted(newest)]
        if ordered:
            columns = ([each.digest for each in ordered], [each.lead_id for each in ordered])
            await work.execute(_SAVE, *columns, [each.received_ms for each in ordered])
            await work.execute(_PURGE, int((work.now - _KEPT).timestamp() * 1000))


class DoubleTables:
    """See shared.persistence.erasing.PersonalTables: what is kept of a form must not make a new one of the same person
    part of a lead that was erased."""

    tables: Final = ("sent_forms",)

    async def erase(self, work: Work, lead_ids: Sequence[str]) -> None:
        """See PersonalTables."""
        await work.execute("DELETE FROM sent_forms WHERE lead_id = ANY($1::uuid[])", list(lead_ids))

    async def export(self, work: Work, lead_ids: Sequence[str]) -> Mapping[str, Any]:
        """See PersonalTables: how many; what they said is among the facts."""
        rows = await work.fetch("SELECT count(*) FROM sent_forms WHERE lead_id = ANY($1::uuid[])", list(lead_ids))
        return {"sent_forms": rows[0][0]}
