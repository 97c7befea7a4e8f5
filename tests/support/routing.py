"""Scored leads, rule documents and routing's own database, for the tests of routing."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

import services.routing
from services.routing.adapters.postgres import postgres_tables
from services.routing.domain.rules import AssignmentPolicy, compile_assignment_rules, load_assignment_rules
from services.routing.seed import seed
from services.routing.subscribers import routing_subscription
from shared.contracts import ids
from shared.contracts.commands.routing import ReassignLead, SetMember
from shared.contracts.topics import MERGED, ROUTING_COMMANDS, SCORED
from shared.handling.outcomes import Outcome
from shared.handling.records import Record
from shared.messaging.settling import Settling
from shared.persistence import migrations
from shared.persistence.database import Database, create_engine
from tests.support.stack import create_database

MIGRATIONS = Path(services.routing.__file__).parent / "migrations"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TOPIC_ID = "11111111-2222-4333-8444-555555555555"


def lead_id(n: int | str) -> str:
    return ids.derive(ids.LEADS, str(n))


def lead(n: int | str, **fields: Any) -> dict[str, Any]:
    """A lead as events carry it."""
    return {
        "lead_id": lead_id(n),
        "email": f"lead-{n}@example.com",
        "emails": [f"lead-{n}@example.com"],
        "name": f"Lead {n}",
        "company": {"name": "Example Corp", "employees": 250},
        "address": None,
        "source": "website",
        "budget": {"amount": "50000.00", "currency": "USD"},
        "products": ["crm"],
        **fields,
    }


def scored(
    n: int | str, *, grade: str = "A", lead_version: int = 1, score_version: int = 1, **fields: Any
) -> dict[str, Any]:
    """The data of a `lead.scored`."""
    return {
        "lead": lead(n, **fields),
        "lead_version": lead_version,
        "score": {
            "value": {"A": 80, "B": 60, "C": 30, "D": 5}[grade],
            "fit": {"A": 80, "B": 60, "C": 30, "D": 5}[grade],
            "engagement": 0,
            "grade": grade,
            "temperature": "cold",
            "contributions": [],
            "rules": {"kind": "scoring", "name": "scoring", "version": 1, "content_hash": "0" * 64},
            "scored_at": "2026-03-01T11:59:59Z",
        },
        "score_version": score_version,
        "origin": {
            "receipt_id": ids.derive(ids.RECEIPTS, str(n)),
            "source": "website",
            "received_at": "2026-03-01T11:59:58Z",
            "inbound": {"topic": "leads.inbound.v1", "topic_id": TOPIC_ID, "partition": 0, "offset": 1},
        },
    }


def merged(winner: int | str, loser: int | str, *, lead_version: int = 2) -> dict[str, Any]:
    """The data of a `lead.merged`."""
    return {
        "winner_id": lead_id(winner),
        "loser_id": lead_id(loser),
        "lead": lead(winner, touch_count=2),
        "lead_version": lead_version,
        "reason": "same_person",
        "merged_at": "2026-03-01T11:59:59Z",
    }


def document(rules: str, *, queues: str = "sales: {}, marketing: {}, unassigned: {}") -> str:
    """A document around some entries."""
    return f"kind: assignment\nqueues: {{{queues}}}\ndefault: {{queue: unassigned}}\nrules:\n{rules}"


def policy(text: str) -> AssignmentPolicy:
    """The compiled policy of a document."""
    loaded = load_assignment_rules(text, file="assignment.yaml")
    return compile_assignment_rules(loaded.model, version=1, content_hash=loaded.content_hash)


@dataclass
class Feed:
    """Makes records with offsets of their own; the same record given twice is a redelivery."""

    offset: int = 0
    made: list[Record] = field(default_factory=list)

    def record(self, topic: str, event_type: str, key: str, data: Any, event: str, subject: str = "") -> Record:
        made = Record(
            topic=topic,
            topic_id=TOPIC_ID,
            partition=0,
            offset=self.offset,
            timestamp=0,
            key=key.encode(),
            value=data if isinstance(data, bytes) else orjson.dumps(data),
            headers=(),
            event_id=ids.root_event_id("test", event),
            type=event_type,
            source="test",
            subject=subject or key,
            time="2026-03-01T11:59:59Z",
        )
        self.offset += 1
        self.made.append(made)
        return made

    def scored(self, n: int | str, *, event: str | None = None, **fields: Any) -> Record:
        data = scored(n, **fields)
        return self.record(SCORED, "lead.scored", lead_id(n), data, event or f"scored/{self.offset}")

    def merged(self, winner: int | str, loser: int | str, **fields: Any) -> Record:
        data = merged(winner, loser, **fields)
        return self.record(MERGED, "lead.merged", lead_id(winner), data, f"merged/{self.offset}")

    def unmerged(self, winner: int | str, loser: int | str, about: int | str, *, lead_version: int = 3) -> Record:
        data = {
            "winner_id": lead_id(winner),
            "loser_id": lead_id(loser),
            "lead": lead(about, touch_count=3),
            "lead_version": lead_version,
            "reason": "two people",
            "unmerged_at": "2026-03-01T11:59:59Z",
        }
        return self.record(MERGED, "lead.unmerged", lead_id(about), data, f"unmerged/{self.offset}")

    def command(self, command_type: str, key: str, data: Any) -> Record:
        command_id = ids.root_event_id("command", str(self.offset))
        raw = orjson.dumps(data)
        return self.record(ROUTING_COMMANDS, command_type, key, raw, f"command/{self.offset}", command_id)

    def set_member(self, member_id: str, *, queues: Sequence[str] = ("sales",), active: bool = True) -> Record:
        data = {"member_id": member_id, "name": member_id.title(), "queues": list(queues), "active": active}
        return self.command(SetMember.TYPE, member_id, data)

    def reassign(self, n: int | str, *, owner: str | None = None, queue: str | None = None) -> Record:
        data = {"lead_id": lead_id(n), "owner": owner, "queue": queue, "reason": "asked for"}
        return self.command(ReassignLead.TYPE, lead_id(n), data)

    def publish(self, text: str, *, kind: str = "assignment") -> Record:
        data = {"kind": kind, "document": text, "author": "ann", "reason": "a test"}
        return self.command("rules.publish", f"routing/{kind}", data)

    def moved(self, record: Record) -> Record:
        """The same event in another record: a repetition, not a redelivery."""
        self.offset += 1
        return record._replace(offset=self.offset - 1)


@dataclass
class Desk:
    """Routing's half of a batch against a real database: what the chassis would store and publish."""

    database: Database
    feed: Feed = field(default_factory=Feed)

    def __post_init__(self) -> None:
        subscription = routing_subscription(postgres_tables())
        self._settling = Settling(subscription, "routing", self.database, lambda: NOW)

    async def take(self, *records: Record) -> list[Outcome | None]:
        """What becomes of a batch of records."""
        return [settled.outcome for settled in await self._settling.settle(records, {})]

    async def rows(self, sql: str, *arguments: Any) -> list[dict[str, Any]]:
        async with self.database.transaction(NOW) as work:
            return [dict(row) for row in await work.fetch(sql, *arguments)]

    async def assignment(self, n: int | str) -> dict[str, Any]:
        (row,) = await self.rows("SELECT * FROM assignments WHERE lead_id = $1", lead_id(n))
        return row

    async def owners(self) -> dict[str, int]:
        rows = await self.rows("SELECT owner, count(*) AS n FROM assignments WHERE owner IS NOT NULL GROUP BY owner")
        return {row["owner"]: row["n"] for row in rows}


async def own_schema(root: str) -> str:
    """A database of its own with routing's schema, without the default rules; its DSN."""
    dsn = await create_database(root)
    await asyncio.to_thread(migrations.upgrade, "routing", MIGRATIONS, dsn)
    return dsn


async def prepare(dsn: str) -> None:
    """Routing's schema with the default rules and members, in a database that is there."""
    await asyncio.to_thread(migrations.upgrade, "routing", MIGRATIONS, dsn)
    await migrations.seed("routing", dsn, seed)


async def emptied(dsn: str) -> Database:
    """The database of a test: empty tables, default rules and members."""
    database = Database(create_engine(dsn, "routing"))
    async with database.transaction(NOW) as work:
        tables = (
            "timers, assignments, members, rotations, decisions, commands, aliases, marks, active_rules, rule_versions"
        )
        await work.execute(f"TRUNCATE {tables}")
        await seed(work.db)
    return database
