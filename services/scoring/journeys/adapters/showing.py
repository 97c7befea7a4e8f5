"""What people ask about journeys: how far leads are, what was sent, what offers brought."""

from typing import Any, Final

from services.scoring.journeys.adapters.erasure import JourneyTables
from shared.handling.work import Work

_RUNS: Final = """
    SELECT journey, count(*) AS entered, count(*) FILTER (WHERE state = 'active') AS active,
           count(*) FILTER (WHERE state = 'done') AS done, count(*) FILTER (WHERE state = 'exited') AS exited,
           count(*) FILTER (WHERE reason = 'converted') AS converted
    FROM journey_runs GROUP BY journey
"""
_SENDS: Final = """
    SELECT journey, step, channel, count(*) FILTER (WHERE state <> 'dropped') AS decided,
           count(*) FILTER (WHERE state = 'sent') AS sent, count(*) FILTER (WHERE state = 'failed') AS failed,
           count(*) FILTER (WHERE state = 'dropped') AS dropped, count(redeemed_at) AS redeemed
    FROM journey_sends GROUP BY journey, step, channel ORDER BY journey, step, channel
"""
_FAILURES: Final = """
    SELECT journey, step, channel, reason, count(*) AS messages FROM journey_sends WHERE state = 'failed'
    GROUP BY journey, step, channel, reason ORDER BY journey, step, channel, reason
"""
_REVENUE: Final = """
    SELECT journey, step, currency, sum(amount)::text AS amount FROM journey_sends
    WHERE amount IS NOT NULL GROUP BY journey, step, currency ORDER BY journey, step, currency
"""


async def read_figures(work: Work) -> dict[str, dict[str, Any]]:
    """By journey: its leads by state, its messages by step, why some failed, and what was bought with its offers by step
    and currency."""
    found: dict[str, dict[str, Any]] = {}
    for row in await work.fetch(_RUNS):
        found[row["journey"]] = {**dict(row), "messages": [], "failures": [], "revenue": []}
    for name, sql in (("messages", _SENDS), ("failures", _FAILURES), ("revenue", _REVENUE)):
        for row in await work.fetch(sql):
            if row["journey"] in found:
                found[row["journey"]][name].append({key: row[key] for key in row.keys() if key != "journey"})  # noqa: SIM118
    return found


async def read_of_lead(work: Work, lead_id: str) -> dict[str, Any]:
    """Runs and messages of a lead."""
    return dict(await JourneyTables().export(work, [lead_id]))
