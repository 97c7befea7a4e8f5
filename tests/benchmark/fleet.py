"""The five services as processes on a database and topics of their own."""

import asyncio
import secrets
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from services.cli.installation import migrate
from shared.contracts.topics import SERVICES
from shared.runtime.settings import ServiceSettings
from tests.benchmark.machine import cpu_seconds, memory_mib
from tests.benchmark.sampled import SAMPLED_VARIABLE
from tests.benchmark.sampling import SAMPLES_VARIABLE
from tests.support import http
from tests.support.process import ServiceProcess
from tests.support.stack import Servers
from tests.support.waiting import eventually

_MEMBERS = 5
_READY_S = 90.0
# One sender does here what many do elsewhere: limits count, and are never reached.
_UNLIMITED = {"LEADSTREAM_KEY_RATE": "1e6", "LEADSTREAM_ADDRESS_RATE": "1e6"}
_PATIENCE_S = 300.0


@dataclass(frozen=True, slots=True)
class Batches:
    """How large batches were, and how long they took in Postgres and in Kafka's transaction, in seconds in all."""

    records_each: float
    storing: float
    publishing: float


def batches_in(metrics: Sequence[str]) -> Batches:
    """What the metrics of a service's replicas say of its batches."""

    def total(name: str, **labels: str) -> float:
        return sum(
            sample.value
            for text in metrics
            for family in text_string_to_metric_families(text)
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
    """Running services by name, each with its replicas, and the key that may do everything."""

    replicas: Mapping[str, Sequence[ServiceProcess]]
    admin_key: str = field(repr=False)

    def processes(self) -> list[ServiceProcess]:
        """All of them."""
        return [process for replicas in self.replicas.values() for process in replicas]

    def cpu(self) -> dict[str, float]:
        """CPU seconds of each service so far, its replicas together."""
        return {name: sum(cpu_seconds(process.pid) for process in each) for name, each in self.replicas.items()}

    def resident_mib(self) -> float:
        """Memory of all of them."""
        return memory_mib(process.pid for process in self.processes())[0]

    def ended(self) -> list[str]:
        """Services of which a process runs no more."""
        return [name for name, each in self.replicas.items() if not all(process.running for process in each)]

    def mark(self) -> None:
        """Tell services that are sampled to begin, then to end; others must not get this."""
        for process in self.processes():
            process.send(signal.SIGUSR1)

    async def batches(self) -> dict[str, Batches]:
        """Batches of each service since it was started, all its lanes and replicas together."""
        return {name: batches_in([await _metrics(process) for process in each]) for name, each in self.replicas.items()}

    async def caught_up(self) -> bool:
        """Whether every service says that it is ready and has nothing before it."""
        found = [await process.health() for process in self.processes()]
        return all(health is not None and health["ready"] and health["lag"] == 0 for health in found)

    def client(self, service: str) -> httpx.AsyncClient:
        """A client of a service that may do everything."""
        return http.client(
            self.replicas[service][0].url,
            timeout=_PATIENCE_S,
            headers={"Authorization": f"Bearer {self.admin_key}"},
        )


async def _metrics(process: ServiceProcess) -> str:
    async with http.client(process.url, timeout=10) as client:
        return (await client.get("/metrics")).text


@asynccontextmanager
async def running_fleet(
    servers: Servers,
    folder: Path,
    *,
    services: Sequence[str] = SERVICES,
    replicas: int = 1,
    samples: Path | None = None,
    keys: Mapping[str, str] | None = None,
) -> AsyncIterator[Fleet]:
    """Schemas, default rules, processes that are ready, and members who can own leads. All ended at the end.

    `keys`: the variables of keys and secret, where they outlive this fleet.
    """
    env = {**servers.environment(), **_UNLIMITED, **(keys or new_keys())}
    settings = ServiceSettings(postgres_dsn=SecretStr(servers.postgres))
    await asyncio.to_thread(migrate, settings, lambda _line: None)
    async with AsyncExitStack() as stack:
        started = {
            name: [await stack.enter_async_context(_start(name, n, env, folder, samples)) for n in range(replicas)]
            for name in services
        }
        fleet = Fleet(started, env["LEADSTREAM_ADMIN_KEY"])
        for process in fleet.processes():
            await process.ready(_READY_S)
        if "routing" in services:
            await _set_members(fleet)
        yield fleet
        await asyncio.gather(*(asyncio.to_thread(process.stop) for process in fleet.processes()))


def new_keys() -> dict[str, str]:
    """Keys and secret as services read them from the environment."""
    return {f"LEADSTREAM_{name}": secrets.token_urlsafe(24) for name in ("ADMIN_KEY", "SOURCE_KEY", "SECRET")}


def _start(name: str, replica: int, env: Mapping[str, str], folder: Path, samples: Path | None) -> ServiceProcess:
    module, log = f"services.{name}.main", folder / f"{name}-{replica}.log"
    if samples is None:
        return ServiceProcess(module, env, log, replica=replica).start()
    watched = {SAMPLED_VARIABLE: module, SAMPLES_VARIABLE: str(samples / f"{name}-{replica}.txt")}
    return ServiceProcess("tests.benchmark.sampled", {**env, **watched}, log, replica=replica).start()


async def _set_members(fleet: Fleet) -> None:
    async with fleet.client("routing") as client:
        for n in range(_MEMBERS):
            body = {"name": f"Member {n}", "queues": ["sales", "enterprise", "marketing"]}
            (await client.put(f"/v1/members/member-{n}", json=body)).raise_for_status()

        async def all_known() -> bool:
            answer = await client.get("/v1/members")
            return answer.status_code == httpx.codes.OK and answer.text.count("member-") >= _MEMBERS

        await eventually(all_known, "the members are known to routing", within=30, every=0.2)
