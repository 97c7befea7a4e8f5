"""The capture service for tests: its tables in a database of the test's own, records to hand to it, a running one."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import orjson

from deploy.local.ports import choose_port
from services.capture.adapters.postgres.announced import PostgresAnnouncedBook
from services.capture.adapters.postgres.behaviours import PostgresBehaviourBook
from services.capture.adapters.postgres.checks import PostgresCheckBook
from services.capture.adapters.postgres.consents import PostgresConsentBook
from services.capture.adapters.postgres.conversions import PostgresConversionBook
from services.capture.adapters.postgres.doubles import PostgresDoubleBook
from services.capture.adapters.postgres.erasures import PostgresErasureBook
from services.capture.adapters.postgres.leads import PostgresLeadBook
from services.capture.adapters.postgres.likes import PostgresPairBook
from services.capture.adapters.postgres.merges import PostgresMergeBook
from services.capture.adapters.postgres.quarantine import PostgresQuarantineBook
from services.capture.adapters.postgres.receipts import PostgresReceiptBook
from services.capture.adapters.postgres.referrers import PostgresReferrerBook
from services.capture.adapters.postgres.targets import PostgresTargetBook
from services.capture.adapters.postgres.validations import PostgresValidationBook
from services.capture.domain.guard import Guard
from services.capture.domain.spam_rules import load_spam_rules
from services.capture.sources.register import NO_WEB_SOURCES, Formats
from services.capture.subscribers import Books, subscriptions
from shared.contracts import ids
from shared.contracts.topics import INBOUND
from shared.handling.records import Record
from shared.messaging.settling import Settled, Settling
from shared.persistence.database import Database, create_engine
from shared.persistence.migrations import upgrade
from tests.support import http
from tests.support.stack import Servers

SECRET = b"a secret of the tests, long enough"
TOPIC_ID = "11111111-2222-4333-8444-555555555555"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
RECEIVED_MS = 1_772_366_000_000
SPAM_RULES = Path(__file__).parents[2] / "services/capture/spam.yaml"
MIGRATIONS = Path(__file__).parents[2] / "services/capture/migrations"
# The receipt of an event's first record is its decision; a dead letter of it, and its repeats, have rows of their own.
RECEIPTS = """
    WITH decided AS (
        SELECT event_id, "offset", outcome, reason, detail::json ->> 'field' AS field, subject,
               (detail::json ->> 'row')::int AS row_number
        FROM capture.decisions WHERE detail::json ->> 'source' IS NOT NULL
    )
    SELECT event_id::text AS receipt_id, "offset", outcome, reason, field, subject::text AS lead_id,
           NULL AS repeat_of, row_number
    FROM decided
    UNION ALL
    SELECT receipt_id::text, "offset", outcome, reason, field, lead_id::text, repeat_of::text, row_number
    FROM capture.receipts WHERE receipt_id NOT IN (SELECT event_id FROM decided)
"""
_CLI = "import typer; from services.capture import cli; app = typer.Typer(); cli.register(app); app()"
GUARD = Guard.of(load_spam_rules(SPAM_RULES.read_bytes(), file="spam.yaml"), SECRET)
ADMIN_KEY = "admin-key-of-the-tests"
SOURCE_KEY = "source-key-of-the-tests"


async def create_schema(dsn: str) -> None:
    """Capture's tables, by its migrations."""
    await asyncio.to_thread(upgrade, "capture", MIGRATIONS, dsn)


def record(
    offset: int,
    value: bytes | dict[str, Any] | None,
    *,
    source: str = "web",
    ce_id: str | None = None,
    topic: str = INBOUND,
    partition: int = 0,
    timestamp: int | None = None,
    record_type: str = "lead.submitted",
    headers: tuple[tuple[str, bytes | None], ...] = (("content-type", b"application/json"),),
    subject: str = "",
) -> Record:
    """An inbound record as the chassis hands it over."""
    raw = orjson.dumps(value) if isinstance(value, dict) else value
    event_id = ids.root_event_id(source, ce_id if ce_id is not None else f"{TOPIC_ID}-{partition}-{offset}")
    at = RECEIVED_MS + offset if timestamp is None else timestamp
    return Record(
        topic, TOPIC_ID, partition, offset, at, b"key", raw, headers, event_id, record_type, source, subject,
        "2026-03-01T11:00:00Z",
    )  # fmt: skip


class Bench:
    """Capture's live lane without Kafka: batches in, settled records out, state in a real Postgres."""

    def __init__(self, dsn: str) -> None:
        self.database = Database(create_engine(dsn, "capture"))
        books = PostgresLeadBook(), PostgresReceiptBook(), PostgresMergeBook(), PostgresPairBook()
        others = PostgresBehaviourBook(), PostgresAnnouncedBook(), PostgresTargetBook()
        late = PostgresDoubleBook(), PostgresQuarantineBook(), PostgresConsentBook()
        newest = PostgresCheckBook(), PostgresValidationBook(), PostgresConversionBook()
        self.books = Books(*books, PostgresErasureBook(SECRET), *others, *late, *newest, PostgresReferrerBook())
        self.now = NOW
        self._formats = NO_WEB_SOURCES
        self._settling = self._new_settling()

    def read(self, formats: Formats) -> None:
        """Read records of providers' formats, as from now."""
        self._formats = formats
        self._settling = self._new_settling()

    def _new_settling(self, lane: int = 0) -> Settling:
        subscription = subscriptions(self.books, secret=SECRET, formats=self._formats, guard=GUARD)[lane]
        return Settling(subscription, subscription.group, self.database, lambda: self.now)

    async def settle(self, *records: Record) -> list[Settled]:
        """Settle a batch as the live lane does."""
        return await self._settling.settle(records, {})

    async def observe(self, *records: Record) -> list[Settled]:
        """Settle a batch as the lane of behaviour does, which has forgotten what it settled before."""
        return await self._new_settling(2).settle(records, {})

    async def convert(self, *records: Record) -> list[Settled]:
        """Settle a batch as the lane of conversions does."""
        return await self._new_settling(3).settle(records, {})

    async def fetch(self, sql: str, *arguments: Any) -> Sequence[Any]:
        """Rows of a statement."""
        async with self.database.transaction(self.now) as work:
            return await work.fetch(sql, *arguments)

    async def receipts(self) -> list[dict[str, Any]]:
        """All receipts in the order of their records."""
        return [dict(row) for row in await self.fetch(f'{RECEIPTS} ORDER BY "offset"')]


def event_of(settled: Settled) -> dict[str, Any]:
    """The data of the one event of a settled record."""
    (event,) = settled.outcome.events  # type: ignore[union-attr]
    data: dict[str, Any] = orjson.loads(event.data)
    return data


@asynccontextmanager
async def running_capture(
    servers: Servers, tmp: Path, *, until_ready: bool = True, **environment: str
) -> AsyncIterator[httpx.AsyncClient]:
    """The service as a process; a client with the source's key. The database must have its tables."""
    port = choose_port(())
    env = {
        **os.environ,
        **servers.environment(),
        "LEADSTREAM_SECRET": SECRET.decode(),
        "LEADSTREAM_ADMIN_KEY": ADMIN_KEY,
        "LEADSTREAM_SOURCE_KEY": SOURCE_KEY,
        "LEADSTREAM_HTTP_PORT": str(port),
        "LEADSTREAM_BULK_PAUSE_LAG": "0",  # nobody scores here what is captured
        **environment,
    }
    log = tmp / "capture.log"
    with log.open("w") as out:
        command = [sys.executable, "-m", "services.capture.main"]
        process = subprocess.Popen(command, env=env, stdout=out, stderr=out)  # noqa: ASYNC220 - at once
        try:
            headers = {"Authorization": f"Bearer {SOURCE_KEY}"}
            async with http.client(f"http://127.0.0.1:{port}", headers=headers, timeout=15) as client:
                path = "/health/ready" if until_ready else "/health/live"
                await until(lambda: _answers(client, path, process, log), f"capture answers {path}")
                yield client
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


async def _answers(client: httpx.AsyncClient, path: str, process: "subprocess.Popen[bytes]", log: Path) -> bool:
    assert process.poll() is None, log.read_text()[-4000:]  # noqa: ASYNC240 - the test ends here
    try:
        return (await client.get(path)).status_code == 200
    except httpx.TransportError:
        return False


async def until(
    condition: Callable[[], Awaitable[Any]], what: str, *, seconds: float = 30.0, every: float = 0.05
) -> Any:
    """Wait for a condition; its first true value."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = await condition()
        if found:
            return found
        await asyncio.sleep(every)
    raise AssertionError(f"not within {seconds:.0f} s: {what}")


async def outcomes(own: Servers) -> dict[tuple[str, str | None], int]:
    """How many receipts there are of each outcome and reason."""
    connection = await asyncpg.connect(own.postgres)
    try:
        rows = await connection.fetch(f"SELECT outcome, reason, count(*) AS n FROM ({RECEIPTS}) AS r GROUP BY 1, 2")
    finally:
        await connection.close()
    return {(row["outcome"], row["reason"]): row["n"] for row in rows}


def cli_command(own: Servers, url: str, home: Path, *arguments: str) -> tuple[list[str], dict[str, str]]:
    """Capture's part of the `leadstream` command, and its environment."""
    environment = {
        **os.environ,
        **own.environment(),
        "LEADSTREAM_SECRET": SECRET.decode(),
        "LEADSTREAM_CAPTURE_URL": url,
        "LEADSTREAM_SOURCE_KEY": "",
        "LEADSTREAM_ADMIN_KEY": ADMIN_KEY,
        "LEADSTREAM_HOME": str(home),
    }
    return [sys.executable, "-c", _CLI, *arguments], environment


async def run_cli(own: Servers, url: str, home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run it to its end."""
    command, environment = cli_command(own, url, home, *arguments)
    return await asyncio.to_thread(
        subprocess.run, command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
