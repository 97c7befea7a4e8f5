"""The funnel: counted as events come, by cohort, and recounted from the stored events."""

from datetime import date
from typing import Any, Final

from services.reporting.domain.funnel import Count
from services.reporting.domain.stages import STAGES
from shared.handling.work import Work

_ACTIVITY: Final = """
    SELECT day, source, stage, count FROM funnel_daily
    WHERE ($1::date IS NULL OR day >= $1) AND ($2::date IS NULL OR day <= $2) AND count <> 0
    ORDER BY day, source, stage
"""

# Every stage of a lead counts for the day and the source that it was captured with.
_COHORT: Final = """
    SELECT c.day, c.source, s.stage, sum(c.count)::bigint AS count
    FROM cohorts c JOIN unnest($3::text[]) WITH ORDINALITY AS s (stage, nth) ON c.stages & (1 << (s.nth - 1)::int) <> 0
    WHERE ($1::date IS NULL OR c.day >= $1) AND ($2::date IS NULL OR c.day <= $2)
    GROUP BY c.day, c.source, s.stage HAVING sum(c.count) <> 0
    UNION ALL
    SELECT day, source, stage, count FROM funnel_daily
    WHERE stage = 'received' AND ($1::date IS NULL OR day >= $1) AND ($2::date IS NULL OR day <= $2)
    ORDER BY 1, 2, 3
"""

# From the events alone, without what was counted on the way.
_RECOUNT: Final = """
    WITH reached AS (
        SELECT u.lead_id, timestamptz 'epoch' + u.us * interval '1 microsecond' AS occurred_at, u.source, s.stage
        FROM bundles b CROSS JOIN unnest(b.lead_ids, b.stages, b.at_us, b.sources) AS u (lead_id, stages, us, source)
        JOIN unnest($1::text[]) WITH ORDINALITY AS s (stage, nth) ON u.stages & (1 << (s.nth - 1)::int) <> 0
        UNION ALL
        SELECT lead_id, occurred_at, coalesce(source, 'unknown') AS source, CASE type
            WHEN 'lead.captured' THEN 'captured' WHEN 'lead.scored' THEN 'scored'
            WHEN 'lead.routed' THEN 'routed' WHEN 'opportunity.converted' THEN 'converted' END AS stage
        FROM events WHERE lead_id IS NOT NULL
            AND type IN ('lead.captured', 'lead.scored', 'lead.routed', 'opportunity.converted')
        UNION ALL
        SELECT lead_id, occurred_at, coalesce(source, 'unknown'), 'marketing_qualified'
        FROM events WHERE type = 'lead.scored' AND facts::json -> 'score' ->> 'grade' IN ('A', 'B')
    ), first AS (
        SELECT DISTINCT ON (lead_id, stage) stage, source, (occurred_at AT TIME ZONE 'utc')::date AS day
        FROM reached ORDER BY lead_id, stage, occurred_at, source
    ), recount AS (
        SELECT day, source, stage, count(*) AS n FROM first GROUP BY day, source, stage
        UNION ALL
        SELECT received_on, source, 'received', sum(bit_count(bits))::bigint FROM received GROUP BY 1, 2
    )
    SELECT day, source, stage, coalesce(f.count, 0) AS counted, coalesce(r.n, 0) AS recounted
    FROM recount r FULL JOIN (SELECT * FROM funnel_daily WHERE count <> 0) f USING (day, source, stage)
    WHERE coalesce(f.count, 0) <> coalesce(r.n, 0) ORDER BY day, source, stage
"""


async def read_counts(work: Work, *, cohort: bool, first: date | None, last: date | None) -> list[Count]:
    """The funnel's counts between two days, both included."""
    asked = (_COHORT, first, last, list(STAGES)) if cohort else (_ACTIVITY, first, last)
    rows = await work.fetch(*asked)
    return [Count(row["day"], row["source"], row["stage"], row["count"]) for row in rows]


async def recount(work: Work) -> list[dict[str, Any]]:
    """Where the funnel differs from a recount of the stored events; empty when it reconciles."""
    return [{**dict(row), "day": row["day"].isoformat()} for row in await work.fetch(_RECOUNT, list(STAGES))]
