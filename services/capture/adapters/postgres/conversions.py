"""Conversions in Postgres: one row an opportunity."""

from collections.abc import Sequence
from typing import Final

from services.capture.ports import Conversion
from shared.handling.work import Work

_ADD: Final = """
    INSERT INTO conversions (opportunity_id, lead_id, account_id, contact_id, converted_at)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::timestamptz[])
        AS u (opportunity_id, lead_id, account_id, contact_id, converted_at)
    ORDER BY opportunity_id ON CONFLICT (opportunity_id) DO NOTHING
"""
_AMONG: Final = "SELECT DISTINCT lead_id::text FROM conversions WHERE lead_id = ANY($1::uuid[])"


class PostgresConversionBook:
    """See ports.ConversionBook."""

    async def add(self, work: Work, conversions: Sequence[Conversion]) -> None:
        """See ports.ConversionBook."""
        ordered = sorted({each.opportunity_id: each for each in conversions}.values())
        if ordered:
            await work.execute(_ADD, *(list(column) for column in zip(*ordered, strict=True)))

    async def converted_among(self, work: Work, lead_ids: Sequence[str]) -> frozenset[str]:
        """See ports.ConversionBook."""
        return await converted_among(work, lead_ids)


async def converted_among(work: Work, lead_ids: Sequence[str]) -> frozenset[str]:
    """Those of these leads that were converted."""
    rows = await work.fetch(_AMONG, list(lead_ids)) if lead_ids else []
    return frozenset(row["lead_id"] for row in rows)
