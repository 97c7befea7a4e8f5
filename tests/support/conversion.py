"""Conversion for tests: leads as routing publishes them, the service's schema, and its lane without Kafka."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import orjson

import services.conversion
from services.conversion.domain.leads import LeadState
from services.conversion.main import subscription
from services.conversion.seed import seed
from shared.contracts import ids
from shared.contracts.base import Contract
from shared.contracts.commands.rules import PublishRules
from shared.contracts.commands.sales import ChangeOpportunity, ConvertLead
from shared.contracts.topics import MERGED, ROUTED, SALES_COMMANDS
from shared.handling.records import Record
from shared.messaging.settling import Settling
from shared.persistence import migrations
from shared.persistence.database import Database, create_engine

MIGRATIONS = Path(services.conversion.__file__).parent / "migrations"
NOW = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)
TOPIC_ID = "00000000-0000-0000-0000-0000000000cc"
TABLES = ("leads", "accounts", "contacts", "opportunities", "party_keys")
RULES = {"kind": "scoring", "name": "b2b", "version": 1, "content_hash": "00"}


def lead_id(n: int) -> str:
    return ids.derive(ids.LEADS, str(n))


def lead(n: int, **facts: Any) -> dict[str, Any]:
    """A lead that passes the default gate, given the score; person and company of its own."""
    return {
        "lead_id": lead_id(n),
        "email": f"person{n}@company{n}.example",
        "emails": [f"person{n}@company{n}.example"],
        "email_free": False,
        "email_disposable": False,
        "phone": f"+1415555{n:04d}",
        "phones": [f"+1415555{n:04d}"],
        "first_name": "Ann",
        "last_name": f"Lee{n}",
        "name": f"Ann Lee{n}",
        "title": "VP Sales",
        "company": {
            "name": f"Company {n} Inc",
            "name_key": f"company {n}",
            "website": f"company{n}.example",
            "domain": f"company{n}.example",
            "industry": "software",
            "employees": 250,
            "annual_revenue": {"amount": "12000000", "currency": "USD"},
        },
        "address": {"street": "1 Main St", "city": "Springfield", "postal_code": "62701", "country": "US"},
        "source": "website",
        "campaign": "spring",
        "message": "We need a CRM.",
        "budget": {"amount": "50000.50", "currency": "USD"},
        "products": ["crm"],
        "first_touch": {"at": "2026-01-05T09:00:00Z", "utm_source": "google"},
        "touch_count": 1,
        "consent": {"marketing_email": True},
        "extra": {"shoe_size": "42"},
        **facts,
    }


def score(value: int) -> dict[str, Any]:
    return {
        "value": value,
        "fit": value,
        "engagement": 0,
        "grade": "A" if value >= 75 else "C",
        "temperature": "warm",
        "contributions": [{"rule": "title", "axis": "fit", "points": value, "reason": "Decides", "matched": []}],
        "clamp": 0,
        "rules": RULES,
        "scored_at": "2026-01-05T09:59:59Z",
    }


def assignment(owner: str | None = "ann") -> dict[str, Any]:
    return {
        "assignment_id": ids.derive(ids.EVENTS, "assignment"),
        "owner": owner,
        "queue": None if owner else "sales",
        "rule": "us",
        "strategy": "owner" if owner else "queue",
        "reason": "a test",
        "trace": [],
        "rules": {**RULES, "kind": "assignment"},
        "assigned_at": "2026-01-05T09:59:59Z",
    }


def routed(n: int, version: int = 1, *, value: int = 80, owner: str | None = "ann", **facts: Any) -> bytes:
    """The value of a `lead.routed` whose three parts have one version."""
    data = {
        "lead": lead(n, **facts),
        "lead_version": version,
        "score": score(value),
        "score_version": version,
        "assignment": assignment(owner),
        "assignment_version": version,
        "origin": {
            "receipt_id": f"receipt-{n}",
            "source": "website",
            "received_at": "2026-01-05T09:59:58Z",
            "inbound": {"topic": "leads.inbound.v1", "topic_id": TOPIC_ID, "partition": 0, "offset": n},
        },
    }
    return orjson.dumps(data)


def state(n: int, *, value: int = 80, owner: str | None = "ann", **facts: Any) -> LeadState:
    """What conversion knows of a lead that was routed once."""
    return LeadState(lead_id(n), 1, 1, 1, routed(n, value=value, owner=owner, **facts))


def merged(winner: int, loser: int, version: int = 5) -> bytes:
    """The value of a `lead.merged`."""
    data = {
        "winner_id": lead_id(winner),
        "loser_id": lead_id(loser),
        "lead": lead(winner),
        "lead_version": version,
        "reason": "test",
        "merged_at": "2026-01-05T10:00:00Z",
    }
    return orjson.dumps(data)


@dataclass
class Log:
    """Records with rising offsets, as if everything came from one partition. `source` tells the logs of a test apart."""

    source: str = "test"
    offset: int = 0
    topic_id: str = TOPIC_ID

    def record(self, topic: str, event_type: str, value: bytes, *, subject: str = "") -> Record:
        self.offset += 1
        event_id = ids.root_event_id(self.source, f"{event_type}/{self.offset}")
        return Record(
            topic, self.topic_id, 0, self.offset, 0, b"", value, (), event_id, event_type, "test", subject, ""
        )  # fmt: skip

    def routed(self, n: int, version: int = 1, **given: Any) -> Record:
        return self.record(ROUTED, "lead.routed", routed(n, version, **given))

    def merged(self, winner: int, loser: int, version: int = 5) -> Record:
        return self.record(MERGED, "lead.merged", merged(winner, loser, version))

    def unmerged(self, winner: int, loser: int, about: int, version: int = 6) -> Record:
        data = {
            "winner_id": lead_id(winner),
            "loser_id": lead_id(loser),
            "lead": lead(about),
            "lead_version": version,
            "reason": "test",
            "unmerged_at": "2026-01-05T11:00:00Z",
        }
        return self.record(MERGED, "lead.unmerged", orjson.dumps(data))

    def command(self, wanted: Contract) -> Record:
        subject = ids.derive(ids.COMMANDS, self.source, str(self.offset))
        value = wanted.model_dump_json().encode()
        return self.record(SALES_COMMANDS, wanted.TYPE, value, subject=subject)  # type: ignore[attr-defined]

    def convert(self, n: int, **given: Any) -> Record:
        return self.command(ConvertLead(lead_id=lead_id(n), requested_by="ann", **given))

    def change(self, opportunity_id: str, **given: Any) -> Record:
        return self.command(ChangeOpportunity(opportunity_id=opportunity_id, requested_by="ann", **given))

    def publish(self, document: str, kind: str = "gate") -> Record:
        return self.command(PublishRules(kind=kind, document=document, author="Ann", reason="a test"))


@dataclass
class ConversionLane:
    """The Postgres half of conversion's lane."""

    database: Database
    settling: Settling

    async def settle(self, *records: Record) -> list[Any]:
        """The outcomes of a batch, committed."""
        settled = await self.settling.settle(records, {})
        return [each.outcome for each in settled]

    async def rows(self, sql: str, *arguments: Any) -> list[dict[str, Any]]:
        async with self.database.transaction(NOW) as work:
            return [dict(row) for row in await work.fetch(sql, *arguments)]

    async def counts(self) -> dict[str, int]:
        """Rows of each table that a conversion writes."""
        return {table: (await self.rows(f"SELECT count(*) AS n FROM {table}"))[0]["n"] for table in TABLES}

    async def contents(self) -> dict[str, list[dict[str, Any]]]:
        """Everything that a redelivery must leave alone."""
        return {table: await self.rows(f"SELECT * FROM {table} ORDER BY 1") for table in TABLES}


async def migrated(dsn: str) -> None:
    """The service's schema with its seed."""
    await asyncio.to_thread(migrations.upgrade, "conversion", MIGRATIONS, dsn)
    await migrations.seed("conversion", dsn, seed)


@asynccontextmanager
async def lanes(dsn: str, count: int = 1, *, clock: Callable[[], datetime] = lambda: NOW) -> AsyncIterator[list[Any]]:
    """Lanes on one database, as so many replicas would have."""
    engines = [create_engine(dsn, "conversion") for _ in range(count)]
    databases = [Database(engine) for engine in engines]
    try:
        yield [ConversionLane(db, Settling(subscription(), "conversion", db, clock)) for db in databases]
    finally:
        for database in databases:
            await database.dispose()


def events(outcomes: Sequence[Any], topic: str) -> list[dict[str, Any]]:
    """The data of what goes out on a topic."""
    return [orjson.loads(event.data) for o in outcomes for event in getattr(o, "events", ()) if event.topic == topic]


async def run_statement(dsn: str, sql: str) -> None:
    """Run a statement as the administrator, in the service's schema (constraints as failpoints)."""
    connection = await asyncpg.connect(dsn, server_settings={"search_path": "conversion"})
    try:
        await connection.execute(sql)
    finally:
        await connection.close()
