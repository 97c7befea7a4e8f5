"""Records of every topic as reporting reads them, and reporting's tables in a database of a test's own."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from services.reporting.adapters.postgres.store import PostgresEventStore
from services.reporting.domain.bundles import unpack
from services.reporting.handlers.storing import store_events
from shared.contracts import ids
from shared.contracts.base import Contract
from shared.contracts.envelope import Envelope, Headers
from shared.contracts.events.capture import LeadCaptured, LeadMerged, LeadRejected, LeadUnmerged, ReceiptSettled
from shared.contracts.events.conversion import OpportunityChanged, OpportunityConverted
from shared.contracts.events.routing import LeadRouted
from shared.contracts.events.scoring import LeadScored
from shared.contracts.topics import (
    CAPTURED,
    CHANGED,
    CONVERTED,
    INBOUND,
    MERGED,
    RECEIPTS_SETTLED,
    REJECTED,
    ROUTED,
    SCORED,
    dead_letter_topic,
)  # fmt: skip
from shared.handling.outcomes import InHand, Rejected
from shared.handling.records import Record
from shared.messaging.dead_letters import dead_letter_headers
from shared.persistence import migrations
from shared.persistence.database import Database, create_engine
from tests.support.stack import Servers, create_database, drop_database

NOW = datetime(2026, 1, 20, 12, tzinfo=UTC)
FOLDER = Path(__file__).resolve().parents[2] / "services" / "reporting" / "migrations"
TABLES = (
    "events", "personal", "outcomes", "doubles", "received", "settled", "stored", "progress", "cohorts", "funnel_daily",
    "parked", "parked_values", "aliases", "observed", "fates", "material_steps", "listed", "lead_lists",
    "list_costs", "opportunities",
)  # fmt: skip
EMPTIED = (*TABLES, "lead_origins", "bundles", "keys", "commands", "decisions", "marks")


def topic_id(topic: str) -> str:
    """The id of a topic that no cluster knows."""
    return ids.derive(ids.EVENTS, "topic", topic)


def lead_id(n: int) -> str:
    return ids.derive(ids.LEADS, f"reporting/{n}")


def instant(day: int = 5, second: int = 0) -> str:
    return datetime(2026, 1, day, 10, 0, second, tzinfo=UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def millis(day: int = 5) -> int:
    return int(datetime(2026, 1, day, 10, tzinfo=UTC).timestamp() * 1000)


_PERCENT = {"Closed Won": 100, "Closed Lost": 0}


@dataclass
class Stream:
    """Hands out records with offsets of their own; the inbound ones' coordinates are those that outcomes name."""

    partitions: int = 4
    topic_ids: dict[str, str] = field(default_factory=dict)
    ends: dict[tuple[str, int], int] = field(default_factory=dict)

    def record(
        self,
        topic: str,
        event_type: str,
        data: Contract | dict[str, Any] | bytes | None,
        *,
        key: str = "",
        source: str = "leadstream/test",
        event_id: str | None = None,
        time: str | None = None,
        timestamp: int | None = None,
        headers: Headers | None = None,
        partition: int | None = None,
    ) -> Record:
        partition = len(key) % self.partitions if partition is None else partition
        offset = self.ends.get((topic, partition), 0)
        self.ends[topic, partition] = offset + 1
        event_id = event_id or ids.root_event_id("test", f"{topic}/{partition}/{offset}")
        if headers is None:
            headers = Envelope(event_id, event_type, source, key, time or instant()).headers()
        return Record(
            topic, self.topic_ids.get(topic) or topic_id(topic), partition, offset, millis() if timestamp is None else timestamp, key.encode(),
            _value(data), tuple(headers), event_id, event_type, source, key, time or instant(),
        )  # fmt: skip

    def inbound(self, source: str = "website", *, day: int = 5, topic: str = INBOUND) -> Record:
        return self.record(
            topic,
            "lead.submitted",
            b"{}",
            key="k" * (sum(self.ends.values()) % 4 + 1),
            source=source,
            timestamp=millis(day),
        )

    def captured(
        self, inbound: Record, n: int, outcome: str = "new", *, version: int = 1, time: str | None = None
    ) -> Record:
        data = LeadCaptured.model_validate(
            {"outcome": outcome, "lead": a_lead(n), "lead_version": version, "origin": origin(inbound)}
        )
        return self.record(CAPTURED, LeadCaptured.TYPE, data, key=lead_id(n), time=time)

    def rejected(self, inbound: Record, code: str = "no_identity", field_name: str | None = "email") -> Record:
        data = LeadRejected.model_validate(
            {"code": code, "field": field_name, "detail": "It needs one.", "origin": origin(inbound)}
        )
        return self.record(REJECTED, LeadRejected.TYPE, data, key=inbound.subject)

    def settled(self, inbound: Record, outcome: str = "merged", reason: str = "repeated_event") -> Record:
        data = ReceiptSettled.model_validate({"outcome": outcome, "reason": reason, "origin": origin(inbound)})
        return self.record(RECEIPTS_SETTLED, ReceiptSettled.TYPE, data, key=receipt_id(inbound))

    def scored(self, inbound: Record, n: int, grade: str = "A", *, version: int = 1, time: str | None = None) -> Record:
        data = LeadScored.model_validate(
            {"lead": a_lead(n), "lead_version": 1, "score": a_score(grade), "score_version": version,
             "origin": origin(inbound)}
        )  # fmt: skip
        return self.record(SCORED, LeadScored.TYPE, data, key=lead_id(n), time=time)

    def routed(self, inbound: Record, n: int, owner: str = "ann", *, version: int = 1) -> Record:
        assignment = {
            "assignment_id": lead_id(n), "owner": owner, "rule": "software", "strategy": "owner", "reason": "Matched",
            "trace": [{"rule": "hot", "matched": False, "failed": ["score.grade"]}, {"rule": "software", "matched": True}],
            "rules": rules("assignment"), "assigned_at": instant(),
        }  # fmt: skip
        data = LeadRouted.model_validate(
            {"lead": a_lead(n), "lead_version": 1, "score": a_score(), "score_version": 1, "assignment": assignment,
             "assignment_version": version, "origin": origin(inbound)}
        )  # fmt: skip
        return self.record(ROUTED, LeadRouted.TYPE, data, key=lead_id(n))

    def converted(self, inbound: Record, n: int) -> Record:
        opportunity = ids.derive(ids.CONVERSIONS, str(n))
        event_id = ids.root_event_id("test", f"converted/{n}")
        data = OpportunityConverted.model_validate(
            {"event_id": event_id, "opportunity_id": opportunity, "account_id": opportunity, "contact_id": opportunity,
             "lead_id": lead_id(n), "conversion_id": opportunity, "converted_at": instant(), "owner": "ann",
             "score": a_score(), "first_touch": {"utm_source": "google", "gclid": "Tx9"}, "source": "website",
             "name": "Example Corp", "stage": "Prospecting", "probability": 10, "amount": "5.00", "currency": "USD",
             "account_created": True, "contact_created": True, "lead_snapshot": a_lead(n),
             "reason": {"trigger": "gate", "met": ["score >= 50"]}, "origin": origin(inbound)}
        )  # fmt: skip
        return self.record(CONVERTED, OpportunityConverted.TYPE, data, key=opportunity, event_id=event_id)

    def changed(self, n: int, stage: str = "Qualification", *, version: int = 2) -> Record:
        opportunity = ids.derive(ids.CONVERSIONS, str(n))
        data = OpportunityChanged(
            opportunity_id=opportunity, opportunity_version=version, account_id=opportunity, lead_id=lead_id(n),
            change="stage", stage=stage, probability=_PERCENT.get(stage, 20), changed_at=instant(),
        )  # fmt: skip
        return self.record(CHANGED, OpportunityChanged.TYPE, data, key=opportunity)

    def merged(self, winner: int, loser: int, *, version: int = 2) -> Record:
        data = LeadMerged.model_validate(
            {"winner_id": lead_id(winner), "loser_id": lead_id(loser), "lead": a_lead(winner), "lead_version": version,
             "reason": "same person", "merged_at": instant()}
        )  # fmt: skip
        return self.record(MERGED, LeadMerged.TYPE, data, key=lead_id(winner))

    def unmerged(self, winner: int, loser: int, about: int, *, version: int = 3) -> Record:
        data = LeadUnmerged.model_validate(
            {"winner_id": lead_id(winner), "loser_id": lead_id(loser), "lead": a_lead(about), "lead_version": version,
             "reason": "two people", "unmerged_at": instant()}
        )  # fmt: skip
        return self.record(MERGED, LeadUnmerged.TYPE, data, key=lead_id(about))

    def dead_letter(self, original: Record, service: str = "capture", reason: str = "processing_failed") -> Record:
        headers = dead_letter_headers(original, Rejected(reason, "email"), service, "0.1.0")
        return self.record(
            dead_letter_topic(service), original.type, original.value, key=original.subject, headers=headers
        )


def _value(data: Contract | dict[str, Any] | bytes | None) -> bytes | None:
    if isinstance(data, Contract):
        return data.model_dump_json().encode()
    return orjson.dumps(data) if isinstance(data, dict) else data


def receipt_id(inbound: Record) -> str:
    return ids.derive(ids.RECEIPTS, inbound.event_id)


def origin(inbound: Record) -> dict[str, Any]:
    return {
        "receipt_id": receipt_id(inbound),
        "source": inbound.source,
        "received_at": instant(),
        "inbound": {
            "topic": inbound.topic,
            "topic_id": inbound.topic_id,
            "partition": inbound.partition,
            "offset": inbound.offset,
        },
    }


def rules(kind: str) -> dict[str, Any]:
    return {"kind": kind, "name": "default", "version": 1, "content_hash": "0" * 64}


def a_score(grade: str = "A") -> dict[str, Any]:
    part = {"rule": "industry", "axis": "fit", "points": 80, "reason": "Industry fits", "matched": ["industry"]}
    return {
        "value": 80, "fit": 80, "engagement": 0, "grade": grade, "temperature": "hot", "contributions": [part],
        "rules": rules("scoring"), "scored_at": instant(),
    }  # fmt: skip


def a_lead(n: int) -> dict[str, Any]:
    return {
        "lead_id": lead_id(n), "email": f"person{n}@example.com", "emails": [f"person{n}@example.com"],
        "phone": "+14155550100", "phones": ["+14155550100"], "first_name": "Ann", "last_name": f"Lee{n}",
        "name": f"Ann Lee{n}", "title": f"VP Sales{n}",
        "company": {"name": "Example Corp", "domain": "example.com", "industry": "software", "employees": 250},
        "address": {"street": "1 Main St", "city": "Springfield", "country": "US"}, "source": "website",
        "campaign": "spring", "message": "Call me", "extra": {"favourite": "blue"}, "raw": {"phone": "415 555 0100"},
        "first_touch": {"utm_source": "google", "gclid": "Tx9"}, "touch_count": 1,
    }  # fmt: skip


async def store(database: Database, records: Iterable[Record]) -> None:
    """One batch, as the lane hands it to the use case."""
    items = [InHand(record, None) for record in records]
    async with database.transaction(NOW) as work:
        await store_events(PostgresEventStore())(items, work)


async def snapshot(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, but for when it was written; events, however they were bundled."""
    async with database.transaction(NOW) as work:
        found = {table: await work.fetch(f"SELECT * FROM {table}") for table in TABLES}
        bundled = [e for row in await work.fetch("SELECT body FROM bundles") for e in unpack(row["body"])]
    shown = {
        table: sorted((_shown(row) for row in rows if row.get("count") != 0), key=repr) for table, rows in found.items()
    }
    return {**shown, "bundled": sorted(bundled, key=repr)}


def _shown(row: Any) -> tuple[Any, ...]:
    """A row but for its bundles: which of them holds an event depends on the batches."""
    return tuple(value for name, value in row.items() if name != "bundles")


async def count(database: Database, table: str) -> int:
    async with database.transaction(NOW) as work:
        return int((await work.fetch(f"SELECT count(*) FROM {table}"))[0][0])


async def received(database: Database) -> int:
    """How many inbound records the books hold."""
    async with database.transaction(NOW) as work:
        books = "SELECT bits FROM received UNION ALL SELECT bits FROM observed"
        (row,) = await work.fetch(f"SELECT coalesce(sum(bit_count(bits)), 0)::int AS n FROM ({books}) AS b")
    return int(row["n"])


@contextmanager
def own_schema(servers: Servers) -> Iterator[str]:
    """The DSN of a database of one's own with reporting's schema, without Kafka's topics. For synchronous fixtures."""
    dsn = asyncio.run(create_database(servers.postgres))
    try:
        migrations.upgrade("reporting", FOLDER, dsn)
        yield dsn
    finally:
        asyncio.run(drop_database(servers.postgres, dsn))


@asynccontextmanager
async def database_of(dsn: str) -> AsyncIterator[Database]:
    """Reporting's database, its tables empty."""
    database = Database(create_engine(dsn, "reporting"))
    try:
        async with database.transaction(NOW) as work:
            await work.execute(f"TRUNCATE {', '.join(EMPTIED)}")
        yield database
    finally:
        await database.dispose()


async def migrate_in_thread(dsn: str) -> None:
    """Reporting's schema in a database that is there; for tests that run in a loop."""
    await asyncio.to_thread(migrations.upgrade, "reporting", FOLDER, dsn)


def batches(records: Sequence[Record], size: int) -> list[Sequence[Record]]:
    return [records[start : start + size] for start in range(0, len(records), size)]
