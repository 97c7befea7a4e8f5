"""One running pipeline: topics and schemas of its own, five services, the load, and the reader that judges it."""

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import httpx

from services.cli import installation
from shared.runtime.settings import ServiceSettings
from tests.chaos import oracle
from tests.chaos.feed import Feed
from tests.chaos.fleet import ADMIN_KEY, Fleet
from tests.chaos.levels import CONNECTIONS_EACH, read_levels
from tests.chaos.oracle import Allowed, Findings, Level, Stored
from tests.chaos.people import from_csv, submissions
from tests.chaos.reading import Reader
from tests.chaos.servers import Ground
from tests.chaos.tally import Tally
from tests.support import http
from tests.support.stack import Servers, dispose, fresh

_WARM_S = 3.0
_WARM_WITHIN_S = 30.0
_QUIET_S = 120.0
_SAY_EVERY_S = 20.0
_STORED = """
    SELECT (SELECT count(*) FROM conversion.accounts) AS accounts, (SELECT count(*) FROM conversion.contacts) AS contacts,
           (SELECT count(*) FROM conversion.opportunities) AS opportunities
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What the sources send: events a second to Kafka, requests a second to capture, people from a CSV file or made."""

    rate: float = 200.0
    http_rate: float = 10.0
    csv: Path | None = None


@dataclass
class Pipeline:
    """Everything that a fault is done to, besides the servers."""

    servers: Servers
    fleet: Fleet
    feed: Feed
    reader: Reader
    tally: Tally
    allowed: Allowed = field(default_factory=Allowed)
    levels: dict[str, Level] = field(default_factory=dict)
    ledger_lag: int = 0

    async def warm(self) -> None:
        """Some leads through all services, so that what they hold now is their level under load."""
        self.feed.flow()
        await asyncio.sleep(_WARM_S)
        await self.feed.pause()
        if problems := await self.through(_WARM_WITHIN_S):
            raise AssertionError(f"wrong before any fault: {'; '.join(problems)}")
        self.levels = await read_levels(self.servers, self.fleet.members)

    async def through(self, within: float = _QUIET_S) -> list[str]:
        """Wait until nothing is on its way, then ask everything; the faults found. The load must be paused."""
        deadline = time.monotonic() + within
        said = time.monotonic()
        while True:
            findings = await self._examined()
            if time.monotonic() - said > _SAY_EVERY_S:
                said = time.monotonic()
                print(f"still on its way: {'; '.join(findings.missing) or 'nothing'}", file=sys.stderr, flush=True)
            late = time.monotonic() > deadline
            if findings.wrong or (late and findings.missing):
                behind = [] if await self.fleet.caught_up() else ["services are not caught up"]
                return [*findings.all, *await self._read_anew(), *behind]
            if not findings.missing and await self.fleet.caught_up():
                books = oracle.compare(self.reader.evidence, self.feed.sent, self.allowed, await self.stored())
                if not books or late:
                    return books
            if late:
                return ["services are not caught up: lag does not return to zero"]
            await asyncio.sleep(0.25)

    async def _read_anew(self) -> list[str]:
        """How many events a reader sees twice that begins now, where one that was there all the time did."""
        if not self.reader.evidence.repeated:
            return []
        return [f"a reader that begins now sees {dict((await self.reader.afresh()).repeated)} twice"]

    async def _examined(self) -> Findings:
        return oracle.examine(await self.reader.catch_up(), self.feed.sent, self.allowed)

    async def back_to_level(self, within: float = 15.0) -> list[str]:
        """Memory, descriptors and connections; what is still above its level after `within` seconds.

        The level of the next fault is what this one left: a high-water mark of its records stays with a process, and
        is no leak. What grows slowly is for the soak to find.
        """
        deadline = time.monotonic() + within
        while True:
            after = await read_levels(self.servers, self.fleet.members)
            found = oracle.compare_levels(self.levels, after, CONNECTIONS_EACH)
            if not found or time.monotonic() > deadline:
                self.levels = after
                return found
            await asyncio.sleep(0.5)

    async def stored(self) -> Stored:
        """Conversion's tables and reporting's ledger."""
        connection = await asyncpg.connect(self.servers.postgres, timeout=10)
        try:
            [row] = await connection.fetch(_STORED)
            leads = await connection.fetch("SELECT lead_id::text FROM conversion.opportunities")
        finally:
            await connection.close()
        received, problems = await self._ledger()
        conversions = frozenset(found["lead_id"] for found in leads)
        return Stored(row["accounts"], row["contacts"], row["opportunities"], conversions, received, problems)

    async def _ledger(self) -> tuple[int, list[str]]:
        headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
        url = self.fleet.processes["reporting"].url
        try:
            async with http.client(url, timeout=30, headers=headers) as client:
                answer = await client.get("/v1/ledger")
        except httpx.HTTPError as error:
            return 0, [f"no answer ({type(error).__name__})"]
        if answer.status_code != httpx.codes.OK:
            return 0, [f"answer {answer.status_code}"]
        body = answer.json()
        return sum(source["received"] for source in body["sources"]), body["problems"]

    async def counted(self) -> dict[str, int]:
        """Everything counted so far, by name."""
        self.tally.read_logs(self.fleet.logs())
        await self.tally.read_metrics(self.fleet.processes)
        totals = self.tally.totals()
        totals["aborted records"] = await self.reader.aborted()
        totals["dead letters"] = sum(self.reader.evidence.dead.values())
        totals["restarts"] = self.fleet.restarts
        totals["leads"] = len(self.feed.sent.events)
        return dict(totals)


@asynccontextmanager
async def running_pipeline(ground: Ground, load: Load, seed: int, **env: str) -> AsyncIterator[Pipeline]:
    """A warm pipeline, its load paused. Its processes are ended and its topics and database taken away at the end."""
    servers = await fresh(ground.servers)
    await asyncio.to_thread(installation.migrate, ServiceSettings(postgres_dsn=servers.postgres), lambda _line: None)
    name = f"p{random.Random(seed).randrange(1000)}"
    people = from_csv(load.csv, seed, name) if load.csv else submissions(seed, name)
    with tempfile.TemporaryDirectory(prefix="leadstream-chaos-logs-") as folder:
        fleet = Fleet(ground, servers, Path(folder))
        feed = Feed(servers, people, lambda: fleet.processes["capture"].url, rate=load.rate, http_rate=load.http_rate)
        pipeline = Pipeline(servers, fleet, feed, Reader(servers), Tally())
        try:
            await fleet.begin(**env)
            await pipeline.reader.begin()
            await feed.begin()
            await pipeline.warm()
            yield pipeline
        finally:
            await feed.end()
            await pipeline.reader.end()
            await fleet.end()
            await ground.all_up()
            await dispose(servers, ground.servers)
