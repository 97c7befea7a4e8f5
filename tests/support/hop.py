"""One hop with the whole delivery promise, as a process: captured -> scored, with a table, for the delivery tests."""

import asyncio
import os
from collections.abc import Sequence

import orjson
from fastapi import FastAPI

from shared.contracts.base import Contract
from shared.contracts.topics import CAPTURED, SCORED
from shared.handling.outcomes import InHand, Outcome, Produced, Stage
from shared.handling.work import Work
from shared.messaging.subscription import Handled, Subscription
from shared.persistence.chassis_tables import chassis_tables_v1, chassis_tables_v2, chassis_tables_v3
from shared.runtime.http import create_http, serve
from shared.runtime.service import Service
from shared.runtime.settings import ServiceSettings

STAGE = Stage("scoring")
TABLE = """
    CREATE TABLE hop_leads (lead_id uuid PRIMARY KEY, seen int NOT NULL DEFAULT 1)
"""


class HopLead(Contract):
    """The thin read model of the hop."""

    lead_id: str
    n: int
    poison: bool = False


async def count_leads(items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
    """Count each lead once, decision stored, and say so. A poisonous one is a bug in the handler."""
    slow = float(os.environ.get("HOP_SLEEP_S", "0"))
    if slow:
        await asyncio.sleep(slow)
    if any(item.event.poison for item in items):
        raise ZeroDivisionError("a bug in the handler")
    fresh = [item.event.lead_id for item in items if item.decision is None]
    await work.execute(
        """
        INSERT INTO hop_leads (lead_id) SELECT unnest($1::uuid[]) ORDER BY 1
        ON CONFLICT (lead_id) DO UPDATE SET seen = hop_leads.seen + 1
        """,
        fresh,
    )
    return [_scored(item, work) for item in items]


def _scored(item: InHand, work: Work) -> Outcome:
    at = item.decision.decided_at if item.decision else work.instant
    data = orjson.dumps({"lead_id": item.event.lead_id, "n": item.event.n})
    event = STAGE.event(item.record, "lead.scored", topic=SCORED, key=item.event.lead_id, data=data, time=at)
    return Produced("scored", (event,), subject=item.event.lead_id)


def subscription(max_records: int = 2000) -> Subscription:
    return Subscription("hop", (CAPTURED,), {"lead.captured": Handled(count_leads, HopLead)}, max_records=max_records)


def build_app() -> FastAPI:
    settings = ServiceSettings()
    service = Service("scoring", settings, publishes=[SCORED])
    service.subscriptions.append(subscription(settings.max_records))
    return create_http(service)


async def create_schema(dsn: str) -> None:
    """The hop's tables, without Alembic."""
    import asyncpg

    from shared.persistence.database import role_of
    from shared.persistence.migrations import prepare_schema

    await prepare_schema("scoring", dsn)
    connection = await asyncpg.connect(dsn, server_settings={"search_path": "scoring", "role": role_of("scoring")})
    try:
        for statement in (*chassis_tables_v1(), *chassis_tables_v2(), *chassis_tables_v3(), TABLE):
            await connection.execute(statement)
    finally:
        await connection.close()


if __name__ == "__main__":
    serve(build_app)
