"""The product's own delivery path: exactly once with group membership, and, where asked for, stored decisions."""

import os
from collections.abc import Sequence
from typing import Final

from fastapi import FastAPI

from shared.contracts.topics import CAPTURED, SCORED
from shared.handling.outcomes import InHand, Outcome, Produced, Stage
from shared.handling.work import Work
from shared.messaging.subscription import Handled, Subscription
from shared.runtime.http import create_http, serve
from shared.runtime.service import Service
from shared.runtime.settings import ServiceSettings
from tests.benchmark.gauge import Gauge
from tests.benchmark.leads import CapturedLead, scored_bytes
from tests.benchmark.variants.place import GROUP_VARIABLE

STORED_VARIABLE: Final = "LEADSTREAM_BENCH_STORED"
STAGE: Final = Stage("scoring")
_STORE: Final = """
    INSERT INTO hop_leads (lead_id) SELECT unnest($1::uuid[]) ORDER BY 1
    ON CONFLICT (lead_id) DO UPDATE SET seen = hop_leads.seen + 1
"""


class ScoreLeads:
    """The use case. `stored`: with a row of its own for each lead, beside the decision."""

    def __init__(self, gauge: Gauge, *, stored: bool) -> None:
        self._gauge = gauge
        self._stored = stored

    async def __call__(self, items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        self._gauge.take(len(items))
        if self._stored:
            await work.execute(_STORE, [item.event.lead["lead_id"] for item in items])
        instant = work.instant
        return [_scored(item, item.decision.decided_at if item.decision else instant) for item in items]


def _scored(item: InHand, at: str) -> Outcome:
    lead_id = item.event.lead["lead_id"]
    data = scored_bytes(item.event)
    event = STAGE.event(item.record, "lead.scored", topic=SCORED, key=lead_id, data=data, time=at)
    return Produced("scored", (event,), subject=lead_id)


def build_app() -> FastAPI:
    """The hop as a service."""
    settings = ServiceSettings()
    stored = os.environ.get(STORED_VARIABLE) == "1"
    use_case = ScoreLeads(Gauge.from_environment(), stored=stored)
    service = Service("scoring", settings, publishes=[SCORED])
    service.subscriptions.append(
        Subscription(
            os.environ[GROUP_VARIABLE],
            (CAPTURED,),
            {"lead.captured": Handled(use_case, CapturedLead)},
            decisions=stored,
            max_records=settings.max_records,
        )
    )
    return create_http(service)


if __name__ == "__main__":
    serve(build_app)
