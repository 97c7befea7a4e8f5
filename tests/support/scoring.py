"""Scoring for tests: leads as capture publishes them, the service's schema, and its lane without Kafka."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

import services.scoring
from services.scoring.adapters.erasure import PERSONAL
from services.scoring.adapters.models import active_models
from services.scoring.adapters.shadow import PostgresShadow, Running, ShadowedStandings
from services.scoring.journeys.adapters.book import PostgresJourneyBook
from services.scoring.journeys.adapters.models import active_journeys
from services.scoring.journeys.subscribers import journeys_lane
from services.scoring.seed import seed
from services.scoring.segments.adapters.book import PostgresSegmentBook
from services.scoring.segments.adapters.models import active_segments
from services.scoring.segments.subscribers import segments_lane
from services.scoring.subscribers import subscriptions
from shared.contracts import ids
from shared.contracts.commands.rules import PublishRules
from shared.contracts.envelope import rfc3339
from shared.contracts.topics import CAPTURED, LEAD_EVENTS, MERGED, SCORED, SCORING_COMMANDS
from shared.handling.records import Record
from shared.messaging.settling import Settled, Settling
from shared.persistence import migrations
from shared.persistence.database import Database, create_engine
from shared.persistence.timers import lease_due, mark_sent
from shared.runtime.sweeper import command_of

MIGRATIONS = Path(services.scoring.__file__).parent / "migrations"
NOW = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)
TOPIC_ID = "00000000-0000-0000-0000-0000000000aa"


def lead_id(n: int) -> str:
    return ids.derive(ids.LEADS, str(n))


def lead(n: int, **facts: Any) -> dict[str, Any]:
    """A lead with a company, as capture publishes it."""
    return {
        "lead_id": lead_id(n),
        "email": f"person{n}@example.com",
        "emails": [f"person{n}@example.com"],
        "email_free": False,
        "email_disposable": False,
        "title": "Marketing Manager",
        "company": {"name": "Example Corp", "employees": 250},
        "address": {"country": "US"},
        "source": "website",
        "touch_count": 1,
        **facts,
    }


def origin(n: int) -> dict[str, Any]:
    return {
        "receipt_id": f"receipt-{n}",
        "source": "website",
        "received_at": "2026-01-05T09:59:59Z",
        "inbound": {"topic": "leads.inbound.v1", "topic_id": TOPIC_ID, "partition": 0, "offset": n},
    }


def captured(n: int, version: int = 1, **facts: Any) -> bytes:
    """The value of a `lead.captured`."""
    data = {"outcome": "new", "lead": lead(n, **facts), "lead_version": version, "origin": origin(n)}
    return orjson.dumps(data)


def merged(winner: int, loser: int, version: int, **facts: Any) -> bytes:
    """The value of a `lead.merged`."""
    data = {
        "winner_id": lead_id(winner),
        "loser_id": lead_id(loser),
        "lead": lead(winner, **facts),
        "lead_version": version,
        "reason": "test",
        "merged_at": "2026-01-05T10:00:00Z",
    }
    return orjson.dumps(data)


def unmerged(winner: int, loser: int, version: int, about: int, **facts: Any) -> bytes:
    """The value of a `lead.unmerged` about one of the two."""
    data = {
        "winner_id": lead_id(winner),
        "loser_id": lead_id(loser),
        "lead": lead(about, **facts),
        "lead_version": version,
        "reason": "test",
        "unmerged_at": "2026-01-05T11:00:00Z",
    }
    return orjson.dumps(data)


def behaved(
    n: int, kind: str = "page.viewed", *, days_ago: float = 0, instant: datetime | None = None, **said: Any
) -> bytes:
    """The value of a `lead.behaved`: what the n-th lead did so many days before now, or at an instant."""
    at = rfc3339(instant or NOW - timedelta(days=days_ago))
    data = {"lead_id": lead_id(n), "matched_by": "email", "kind": kind, "occurred_at": at, "human": True, **said}
    return orjson.dumps(data)


def corrected(n: int, event_id: str, *, change: str = "reclassified", human: bool = False, minute: int = 0) -> bytes:
    """The value of a `behaviour.corrected`; the later `minute` is newer."""
    data = {
        "lead_id": lead_id(n),
        "corrects": event_id,
        "change": change,
        "kind": "page.viewed",
        "occurred_at": rfc3339(NOW),
        "human": human,
        "reason": "test",
        "corrected_at": rfc3339(NOW + timedelta(minutes=minute)),
    }
    return orjson.dumps(data)


@dataclass
class Log:
    """Records with rising offsets, as if each type had a topic of one partition."""

    offset: int = 0

    def record(self, topic: str, event_type: str, value: bytes, *, key: str = "", subject: str = "") -> Record:
        self.offset += 1
        event_id = ids.root_event_id("test", f"{event_type}/{self.offset}")
        return Record(
            topic, TOPIC_ID, 0, self.offset, 0, key.encode(), value, (), event_id, event_type, "test", subject, "",
        )  # fmt: skip

    def captured(self, n: int, version: int = 1, **facts: Any) -> Record:
        return self.record(CAPTURED, "lead.captured", captured(n, version, **facts), key=lead_id(n))

    def changed(self, n: int, version: int, **facts: Any) -> Record:
        value = orjson.dumps({"change": "contactability", "lead": lead(n, **facts), "lead_version": version})
        return self.record(CAPTURED, "lead.changed", value, key=lead_id(n))

    def merged(self, winner: int, loser: int, version: int, **facts: Any) -> Record:
        return self.record(MERGED, "lead.merged", merged(winner, loser, version, **facts), key=lead_id(winner))

    def unmerged(self, winner: int, loser: int, version: int, about: int, **facts: Any) -> Record:
        value = unmerged(winner, loser, version, about, **facts)
        return self.record(MERGED, "lead.unmerged", value, key=lead_id(about))

    def scored(self, n: int) -> Record:
        """As the lane of segments reads it: the key says who."""
        return self.record(SCORED, "lead.scored", b"{}", key=lead_id(n))

    def did(self, n: int, kind: str, at: datetime, **facts: Any) -> Record:
        data = {"lead_id": lead_id(n), "kind": kind, "occurred_at": at.isoformat(), **facts}
        return self.record(LEAD_EVENTS, "lead.behaved", orjson.dumps(data), key=lead_id(n))

    def command(self, event_type: str, value: dict[str, Any], *, command: int = 1) -> Record:
        subject = ids.derive(ids.COMMANDS, str(command))
        return self.record(SCORING_COMMANDS, event_type, orjson.dumps(value), subject=subject)

    def behaved(self, n: int, kind: str = "page.viewed", *, days_ago: float = 0, **said: Any) -> Record:
        value = behaved(n, kind, days_ago=days_ago, **said)
        return self.record(LEAD_EVENTS, "lead.behaved", value, key=lead_id(n))

    def did_at(self, n: int, kind: str, instant: datetime) -> Record:
        return self.record(LEAD_EVENTS, "lead.behaved", behaved(n, kind, instant=instant), key=lead_id(n))

    def corrected(self, n: int, told: Record, **said: Any) -> Record:
        value = corrected(n, told.event_id, **said)
        return self.record(LEAD_EVENTS, "behaviour.corrected", value, key=lead_id(n))

    def publish(self, document: str, *, kind: str = "scoring", command: int = 1) -> Record:
        wanted = PublishRules(kind=kind, document=document, author="Ann", reason="a test")
        value = wanted.model_dump_json().encode()
        return self.record(SCORING_COMMANDS, "rules.publish", value, subject=ids.derive(ids.COMMANDS, str(command)))


@dataclass
class ScoringLane:
    """The Postgres half of scoring's two lanes, with a clock that tests turn."""

    database: Database
    lanes: dict[str, Settling]
    now: datetime = NOW
    shadow: Running = field(default_factory=Running)

    async def settle(self, *records: Record) -> list[Any]:
        """The outcomes of a batch, committed. Its records are all of one lane."""
        (name,) = {"behaviour" if record.topic == LEAD_EVENTS else "leads" for record in records}
        settled: Sequence[Settled] = await self.lanes[name].settle(records, {})
        return [each.outcome for each in settled]

    async def settle_segments(self, *records: Record) -> list[Any]:
        """The outcomes of a batch of the lane of segments, committed."""
        settled: Sequence[Settled] = await self.lanes["segments"].settle(records, {})
        return [each.outcome for each in settled]

    async def settle_journeys(self, *records: Record) -> list[Any]:
        """The outcomes of a batch of the lane of journeys, committed."""
        settled: Sequence[Settled] = await self.lanes["journeys"].settle(records, {})
        return [each.outcome for each in settled]

    def turn(self, **by: float) -> None:
        """Turn the clock on, by days, hours, ..."""
        self.now += timedelta(**by)

    async def due(self, log: Log) -> list[Record]:
        """The commands of the timers that are due now, as the sweeper sends them."""
        async with self.database.transaction(self.now) as work:
            leased = await lease_due(work, 2000, timedelta(seconds=10))
            await mark_sent(work, leased)
        sent = [(timer, command_of(timer, "scoring")) for timer in leased]
        return [
            log.record(SCORING_COMMANDS, timer.kind, command.value or b"", key=timer.subject, subject=timer.subject)
            for timer, command in sent
        ]

    async def row(self, n: int) -> dict[str, Any]:
        async with self.database.transaction(self.now) as work:
            rows = await work.fetch("SELECT * FROM lead_scores WHERE lead_id = $1", lead_id(n))
        return dict(rows[0]) if rows else {}

    async def fetch(self, sql: str) -> list[dict[str, Any]]:
        async with self.database.transaction(self.now) as work:
            return [dict(row) for row in await work.fetch(sql)]


async def create_schema(dsn: str) -> None:
    """Migrated and seeded, as `leadstream migrate` does it."""
    await asyncio.to_thread(migrations.upgrade, "scoring", MIGRATIONS, dsn)
    await migrations.seed("scoring", dsn, seed)


@asynccontextmanager
async def scoring_lane(dsn: str) -> AsyncIterator[ScoringLane]:
    """A lane on a migrated database."""
    database = Database(create_engine(dsn, "scoring"))
    book = PostgresSegmentBook()
    made = ScoringLane(database, {})
    beside = [
        segments_lane(active_segments(), book, max_records=2000, pause_lag=0),
        journeys_lane(active_journeys(), PostgresJourneyBook(book), max_records=2000, pause_lag=0),
    ]
    lanes = subscriptions(
        active_models(), ShadowedStandings(made.shadow), book, PostgresShadow(), PERSONAL, beside, max_records=2000
    )
    made.lanes.update(
        (name, Settling(lane, lane.group, database, lambda: made.now))
        for name, lane in zip(("leads", "behaviour", "segments", "journeys"), lanes, strict=True)
    )
    try:
        yield made
    finally:
        await database.dispose()
