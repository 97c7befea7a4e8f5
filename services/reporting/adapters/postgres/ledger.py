"""The ledger, counted in Postgres: every figure by itself, offenders by anti-join."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from services.reporting.domain.ledger import OUTCOMES, Balance, Findings, StageEquation
from shared.contracts.envelope import rfc3339
from shared.handling.work import Work

_COUNTS: Final = ", ".join(f"count(*) FILTER (WHERE o.outcome = '{name}') AS {name}" for name in OUTCOMES)

_BALANCES: Final = f"""
    SELECT i.source, count(*) AS received, {_COUNTS}, count(*) FILTER (WHERE o.outcome IS NULL) AS in_flight
    FROM inbound i LEFT JOIN standing_outcomes o USING (topic_id, partition, "offset")
    GROUP BY i.source ORDER BY i.source
"""

_IN_FLIGHT: Final = """
    SELECT i.topic, i.topic_id::text, i.partition, i."offset", i.source, i.received_at FROM inbound i
    WHERE NOT EXISTS (SELECT 1 FROM outcomes o WHERE (o.topic_id, o.partition, o."offset")
                                                    = (i.topic_id, i.partition, i."offset"))
    ORDER BY i.received_at, i.topic_id, i.partition, i."offset" LIMIT $1
"""

_STRANGERS: Final = """
    SELECT o.topic_id::text, o.partition, o."offset", o.outcome, o.event_id::text, o.settled_at,
           count(*) OVER () AS total
    FROM outcomes o
    WHERE NOT EXISTS (SELECT 1 FROM inbound i WHERE (i.topic_id, i.partition, i."offset")
                                                   = (o.topic_id, o.partition, o."offset"))
    ORDER BY o.topic_id, o.partition, o."offset" LIMIT $1
"""

_DOUBLES: Final = """
    SELECT o.topic_id::text, o.partition, o."offset", array_agg(o.outcome ORDER BY o.settled_at, o.event_id) AS outcomes,
           array_agg(o.event_id::text ORDER BY o.settled_at, o.event_id) AS event_ids, count(*) OVER () AS total
    FROM outcomes o WHERE o.outcome NOT IN ('dead_lettered', 'quarantined')
    GROUP BY o.topic_id, o.partition, o."offset" HAVING count(*) > 1
    ORDER BY o.topic_id, o.partition, o."offset" LIMIT $1
"""

# Leads that entered a stage and where each is now. A lead that was merged away need not go on: it is no longer one.
_STAGE: Final = """
    SELECT count(*) AS entered, count(d.lead_id) AS done,
           count(*) FILTER (WHERE d.lead_id IS NULL AND p.lead_id IS NOT NULL) AS dead_lettered,
           count(*) FILTER (WHERE d.lead_id IS NULL AND p.lead_id IS NULL) AS waiting
    FROM lead_stages e
    LEFT JOIN lead_stages d ON d.lead_id = e.lead_id AND d.stage = $2
    LEFT JOIN (SELECT DISTINCT lead_id FROM parked WHERE service = $3 AND lead_id IS NOT NULL) p ON p.lead_id = e.lead_id
    WHERE e.stage = $1
      AND (d.lead_id IS NOT NULL OR NOT EXISTS (SELECT 1 FROM aliases a WHERE a.loser_id = e.lead_id))
"""

_WAITING: Final = """
    SELECT e.lead_id::text, e.first_at AS since FROM lead_stages e
    WHERE e.stage = $1
      AND NOT EXISTS (SELECT 1 FROM lead_stages d WHERE d.lead_id = e.lead_id AND d.stage = $2)
      AND NOT EXISTS (SELECT 1 FROM parked p WHERE p.lead_id = e.lead_id AND p.service = $3)
      AND NOT EXISTS (SELECT 1 FROM aliases a WHERE a.loser_id = e.lead_id)
    ORDER BY e.first_at, e.lead_id LIMIT $4
"""

# (stage entered, stage that follows, the service between them)
STEPS: Final = (("captured", "scored", "scoring"), ("scored", "routed", "routing"))


async def read_ledger(work: Work, *, limit: int = 100) -> Findings:
    """The whole ledger; at most `limit` offenders of a kind are listed."""
    balances = [Balance(**dict(row)) for row in await work.fetch(_BALANCES)]
    strangers = await work.fetch(_STRANGERS, limit)
    doubles = await work.fetch(_DOUBLES, limit)
    offenders: dict[str, Sequence[Mapping[str, Any]]] = {
        "in_flight": _plain(await work.fetch(_IN_FLIGHT, limit) if any(b.in_flight for b in balances) else []),
        "strangers": _plain(strangers),
        "doubles": _plain(doubles),
    }
    stages = [await _stage(work, step, offenders, limit) for step in STEPS]
    return Findings(balances, stages, _total(strangers), _total(doubles), offenders)


async def _stage(
    work: Work, step: tuple[str, str, str], offenders: dict[str, Sequence[Mapping[str, Any]]], limit: int
) -> StageEquation:
    rows = await work.fetch(_STAGE, *step)
    equation = StageEquation(step[1], **dict(rows[0]))
    offenders[f"not_{step[1]}"] = _plain(await work.fetch(_WAITING, *step, limit) if equation.waiting else [])
    return equation


def _total(rows: Sequence[Any]) -> int:
    return int(rows[0]["total"]) if rows else 0


def _plain(rows: Sequence[Any]) -> list[dict[str, Any]]:
    return [
        {name: rfc3339(value) if hasattr(value, "isoformat") else value for name, value in row.items()
         if name != "total"}
        for row in rows
    ]  # fmt: skip
