"""Opportunities: a row each as it stands, counted by stage when asked for."""

from collections.abc import Sequence
from typing import Any, Final

from services.reporting.domain.rows import Kept
from services.reporting.domain.sales import newest_sales, pipeline_table, sale_said
from shared.handling.work import Work

_SAVE: Final = """
    INSERT INTO opportunities AS o
        (opportunity_id, opportunity_version, pipeline, stage, probability, amount, currency)
    SELECT * FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::int[], $6::numeric[], $7::text[])
    ON CONFLICT (opportunity_id) DO UPDATE
    SET opportunity_version = greatest(o.opportunity_version, excluded.opportunity_version),
        pipeline = coalesce(excluded.pipeline, o.pipeline),
        (stage, probability, amount, currency) = (
            SELECT * FROM (VALUES (excluded.stage, excluded.probability, excluded.amount, excluded.currency)) AS e
            WHERE excluded.opportunity_version > o.opportunity_version
            UNION ALL SELECT o.stage, o.probability, o.amount, o.currency
            WHERE excluded.opportunity_version <= o.opportunity_version
        )
"""
_COUNTED: Final = """
    SELECT pipeline, stage, probability, currency, count(*) AS opportunities, sum(amount) AS amount
    FROM opportunities GROUP BY pipeline, stage, probability, currency
"""


async def save_sales(work: Work, kept: Sequence[Kept]) -> None:
    """Write how opportunities stand; the newest version of each, whatever comes first."""
    rows = newest_sales(one for each in kept if (one := sale_said(each.type, each.value)) is not None)
    if rows:
        await work.execute(_SAVE, *map(list, zip(*rows, strict=True)))


async def pipeline_rows(work: Work) -> list[dict[str, Any]]:
    """A row a stage of each pipeline."""
    return pipeline_table([dict(row) for row in await work.fetch(_COUNTED)])
