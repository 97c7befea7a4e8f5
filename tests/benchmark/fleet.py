"""The five services as processes on a database and topics of their own."""

import asyncio
import secrets
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from services.cli.installation import migrate
from shared.contracts.topics import SERVICES
from shared.runtime.settings import ServiceSettings
from tests.benchmark.machine import cpu_seconds
from tests.benchmark.sampled import SAMPLED_VARIABLE
from tests.benchmark.sampling import SAMPLES_VARIABLE
from tests.support.process import ServiceProcess
from tests.support.stack import Servers
from tests.support.waiting import eventually

_MEMBERS = 5
_READY_S = 90.0


@dataclass(frozen=True, slots=True)
class Batches:
    """How large batches were, and how long they took in Postgres and in Kafka's transaction, in seconds in all."""

    records_each: float
    storing: float
    publishing: float


def batches_in(metrics: str) -> Batches:
    """What a service's metrics say of its batches."""

    def total(name: str, **labels: str) -> float:
        return sum(
            sample.value
            for family in text_string_to_metric_families(metrics)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    count = total("consumer_batch_size_count")
    return Batches(
        total("consumer_batch_size_sum") / max(1.0, count),
        total("consumer_batch_seconds_sum", step="store"),
        total("consumer_batch_seconds_sum", step="publish"),
    )


@dataclass(frozen=True)
class Fleet:
    """Running services by name, and the key that may do everything."""

    processes: dict[str, ServiceProcess]
    admin_key: str = field(repr=False)

    def cpu(self) -> dict[str, float]:
        """CPU seconds of each service so far."""
        return {name: cpu_seconds(process.pid) for name, process in self.processes.items()}

    def ended(self) -> list[str]:
        """Services that run no more."""
        return [name for name, process in self.processes.items() if not process.running]

    def mark(self) -> None:
        """Tell services that are sampled to begin, then to end; others must not get this."""
        for process in self.processes.values():
            process.send(signal.SIGUSR1)

    async def batches(self) -> dict[str, Batches]:
        """Batches of each service since it was started, all its lanes together."""
        found = {}
        for name, process in self.processes.items():
            async with httpx.AsyncClient(base_url=process.url, timeout=10) as client:
                found[name] = batches_in((await client.get("/metrics")).text)
        return found

    async def caught_up(self) -> bool:
        """Whether every service says that it is ready and has nothing before it."""
        found = [await process.health() for process in self.processes.values()]
        return all(health is not None and health["ready"] and health["lag"] == 0 for health in found)

    def client(self, service: str) -> httpx.AsyncClient:
        """A client of a service that may do everything."""
        return httpx.AsyncClient(
            base_url=self.processes[service].url, timeout=60, headers={"Authorization": f"Bearer {self.admin_key}"}
        )


@asynccontextmanager
async def running_fleet(servers: Servers, folder: Path, samples: Path | None = None) -> AsyncIterator[Fleet]:
    """Schemas, default rules, five processes that are ready, and members who can own leads. All ended at the end."""
    keys = {name: secrets.token_urlsafe(24) for name in ("ADMIN_KEY", "SOURCE_KEY", "SECRET")}
    env = {**servers.environment(), **{f"LEADSTREAM_{name}": value for name, value in keys.items()}}
    settings = ServiceSettings(postgres_dsn=SecretStr(servers.postgres))
    await asyncio.to_thread(migrate, settings, lambda _line: None)
    async with AsyncExitStack() as stack:
        processes = {name: await stack.enter_async_context(_start(name, env, folder, samples)) for name in SERVICES}
        for process in processes.values():
            await process.ready(_READY_S)
        fleet = Fleet(processes, keys["ADMIN_KEY"])
        await _set_members(fleet)
        yield fleet
        await asyncio.gather(*(asyncio.to_thread(process.stop) for process in processes.values()))


def _start(name: str, env: Mapping[str, str], folder: Path, samples: Path | None) -> ServiceProcess:
    module = f"services.{name}.main"
    if samples is None:
        return ServiceProcess(module, env, folder / f"{name}.log").start()
    watched = {SAMPLED_VARIABLE: module, SAMPLES_VARIABLE: str(samples / f"{name}.txt")}
    return ServiceProcess("tests.benchmark.sampled", {**env, **watched}, folder / f"{name}.log").start()


async def _set_members(fleet: Fleet) -> None:
    async with fleet.client("routing") as client:
        for n in range(_MEMBERS):
            body = {"name": f"Member {n}", "queues": ["sales", "enterprise", "marketing"]}
            (await client.put(f"/v1/members/member-{n}", json=body)).raise_for_status()

        async def all_known() -> bool:
            answer = await client.get("/v1/members")
            return answer.status_code == httpx.codes.OK and answer.text.count("member-") >= _MEMBERS

        await eventually(all_known, "the members are known to routing", within=30, every=0.2)
