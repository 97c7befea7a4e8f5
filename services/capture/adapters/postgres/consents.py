"""Consent in Postgres: statements are added, never changed, and go with the person."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from services.capture.domain.consent import Statement
from shared.contracts.envelope import rfc3339
from shared.handling.work import Work

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ADD: Final = """
    INSERT INTO consents (consent_id, lead_id, event_id, given, confirmed, received_at, said_at, purpose, source,
                          lawful_basis, wording_id, wording)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bool[], $5::bool[], $6::timestamptz[], $7::timestamptz[],
                         $8::text[], $9::text[], $10::text[], $11::text[], $12::text[])
    ON CONFLICT (consent_id) DO NOTHING
"""
_OF_LEADS: Final = """
    SELECT consent_id::text, lead_id::text, event_id::text, purpose, given, confirmed, received_at, said_at, source,
           lawful_basis, wording_id, wording
    FROM consents WHERE lead_id = ANY($1::uuid[]) ORDER BY received_at, consent_id
"""


class PostgresConsentBook:
    """See ports.ConsentBook."""

    async def add(self, work: Work, statements: Sequence[Statement]) -> None:
        """See ports.ConsentBook."""
        rows = [_row(statement) for statement in sorted(statements)]
        if rows:
            await work.execute(_ADD, *(list(column) for column in zip(*rows, strict=True)))


def _row(said: Statement) -> tuple[Any, ...]:
    return (
        said.consent_id,
        said.lead_id,
        said.event_id,
        said.given,
        said.confirmed,
        _EPOCH + timedelta(microseconds=said.received_us),
        None if said.said_at is None else datetime.fromisoformat(said.said_at),
        said.purpose,
        said.source,
        said.lawful_basis,
        said.wording_id,
        said.wording,
    )


async def consent_history(work: Work, lead_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Every statement of these leads, in the order in which they were received."""
    rows = [dict(row) for row in await work.fetch(_OF_LEADS, list(lead_ids))]
    instants = ("received_at", "said_at")
    return [{**row, **{name: row[name] and rfc3339(row[name]) for name in instants}} for row in rows]


class ConsentTables:
    """See shared.persistence.erasing.PersonalTables. What nobody is known to have agreed to proves nothing: it goes."""

    tables: Final = ("consents",)

    async def erase(self, work: Work, lead_ids: Sequence[str]) -> None:
        """See PersonalTables."""
        await work.execute("DELETE FROM consents WHERE lead_id = ANY($1::uuid[])", list(lead_ids))

    async def export(self, work: Work, lead_ids: Sequence[str]) -> Mapping[str, Any]:
        """See PersonalTables."""
        return {"consents": await consent_history(work, lead_ids)}
