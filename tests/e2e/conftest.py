"""The whole product as a user runs it: five services as processes, on real servers, with topics and schemas of their own."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from services.cli import installation
from shared.contracts.topics import SERVICES
from shared.runtime.settings import ServiceSettings
from tests.support import http
from tests.support.process import ServiceProcess
from tests.support.stack import Servers
from tests.support.waiting import eventually

ADMIN_KEY = "an-admin-key-for-tests"
SOURCE_KEY = "a-source-key-for-tests"
HOT: dict[str, Any] = {
    "email": "ann.lee@northwind-robotics.example",
    "phone": "+1 415 555 2671",
    "first_name": "Ann",
    "last_name": "Lee",
    "title": "CEO",
    "company": {"name": "Northwind Robotics", "industry": "software", "employees": 420},
    "address": {"country": "US"},
    "budget": "50000 USD",
    "products": ["crm"],
    "source": "website",
    "touch": {"utm_source": "google", "utm_medium": "cpc", "gclid": "Tx9aBc"},
}


@dataclass
class Product:
    """Five running services and how to talk to them."""

    servers: Servers
    folder: Path
    environment: Mapping[str, str]
    services: dict[str, ServiceProcess] = field(default_factory=dict)
    started: list[ServiceProcess] = field(default_factory=list)

    def start(self, name: str, **env: str) -> ServiceProcess:
        process = ServiceProcess(f"services.{name}.main", {**self.environment, **env}, self.folder / f"{name}.log")
        self.services[name] = process.start()
        self.started.append(process)
        return process

    async def post(self, service: str, path: str, *, key: str = ADMIN_KEY, **request: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {key}", **request.pop("headers", {})}
        async with http.client(self.services[service].url, timeout=15) as client:
            return await client.post(path, headers=headers, **request)

    async def get(self, service: str, path: str, *, key: str = ADMIN_KEY) -> httpx.Response:
        async with http.client(self.services[service].url, timeout=15) as client:
            return await client.get(path, headers={"Authorization": f"Bearer {key}"})

    async def execute(self, sql: str) -> None:
        """Run a statement on the services' database."""
        async with self._database() as connection:
            await connection.execute(sql)

    async def value(self, sql: str) -> Any:
        """What a query finds in the services' database: one value."""
        async with self._database() as connection:
            return await connection.fetchval(sql)

    @asynccontextmanager
    async def _database(self) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
        connection = await asyncpg.connect(self.servers.postgres)
        try:
            yield connection
        finally:
            await connection.close()

    async def send_lead(self, lead: Mapping[str, Any], **headers: str) -> httpx.Response:
        return await self.post("capture", "/v1/leads", key=SOURCE_KEY, json=lead, headers=headers)

    async def receipt(self, receipt_id: str, within: float = 30) -> dict[str, Any]:
        """The receipt once it is settled."""

        async def settled() -> dict[str, Any] | None:
            body: dict[str, Any] = (await self.get("capture", f"/v1/receipts/{receipt_id}")).json()
            return body if body["status"] != "accepted" else None

        return await eventually(settled, "the receipt is settled", within=within)

    async def quiet(self, received: int, within: float = 60) -> Counter[str]:
        """The ledger's totals once `received` records have come in and none is in flight."""

        async def through() -> Counter[str] | None:
            totals = await self.ledger()
            done = totals["received"] >= received and not totals["in_flight"]
            return totals if done and await self.caught_up() else None

        return await eventually(through, f"{received} records are through", within=within, every=0.2)

    async def ledger(self) -> Counter[str]:
        """The ledger's columns, summed over the sources."""
        totals: Counter[str] = Counter()
        for source in (await self.get("reporting", "/v1/ledger")).json()["sources"]:
            totals.update({name: count for name, count in source.items() if isinstance(count, int)})
        return totals

    async def caught_up(self) -> bool:
        healths = [await process.health() for process in self.services.values()]
        return all(health is not None and health["lag"] == 0 for health in healths)


@asynccontextmanager
async def product_on(
    servers: Servers, folder: Path, names: Sequence[str], *, migrate: bool = True, **env: str
) -> AsyncIterator[Product]:
    """These services, ready, on these servers."""
    environment = {
        **servers.environment(),
        "LEADSTREAM_ADMIN_KEY": ADMIN_KEY,
        "LEADSTREAM_SOURCE_KEY": SOURCE_KEY,
        "LEADSTREAM_SECRET": "a-secret-for-tests",
        "LEADSTREAM_SESSION_TIMEOUT_MS": "6000",
        **env,
    }
    if migrate:
        await migrated(servers)
    made = Product(servers, folder, environment)
    try:
        for name in names:
            made.start(name)
        for process in made.services.values():
            await process.ready(within=60)
        yield made
    except BaseException:
        for name, process in made.services.items():
            print(f"--- {name}\n{process.tail(30)}")
        raise
    finally:
        for process in made.started:
            process.kill()


async def migrated(servers: Servers) -> None:
    """Every schema at its newest version, defaults seeded."""
    settings = ServiceSettings(postgres_dsn=servers.postgres)
    await asyncio.to_thread(installation.migrate, settings, lambda _line: None)


@pytest.fixture
async def product(own: Servers, tmp_path: Path) -> AsyncIterator[Product]:
    """Migrated, all five services ready."""
    async with product_on(own, tmp_path, SERVICES) as made:
        yield made
