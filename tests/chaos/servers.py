"""The servers that faults are done to: a local stack of the run's own, with a line of its own from each service."""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from deploy.local.home import Home
from deploy.local.kafka import Kafka
from deploy.local.ports import LOOPBACK
from deploy.local.postgres import Postgres, remove_place
from deploy.local.processes import ChildPlan
from deploy.local.stack import Stack
from deploy.local.valkey import Valkey
from tests.support.proxy import Proxy, proxied
from tests.support.stack import Servers

LINES = ("capture", "scoring", "routing", "conversion", "reporting", "guest")


class KafkaWithLines(Kafka):
    """Kafka with a listener a line, each advertised where the line's proxy listens: clients stay on their line.

    `beside` are settings beside the usual ones, from the next start on.
    """

    def __init__(self, home: Home, proxies: Mapping[str, Proxy]) -> None:
        super().__init__(home)
        self.beside: Mapping[str, str] = {}
        self._proxies = proxies
        self._line_ports: dict[str, int] = {}

    def ports(self) -> dict[str, str]:
        return {**super().ports(), **{line: f"kafka-{line}" for line in self._proxies}}

    def plan(self, ports: dict[str, int]) -> ChildPlan:
        self._line_ports = {line: ports[line] for line in self._proxies}
        for line, proxy in self._proxies.items():
            proxy.aim(LOOPBACK, ports[line])
        return super().plan(ports)

    def _write_settings(self, name: str, data: Path, client: int, controller: int) -> Path:
        path = super()._write_settings(name, data, client, controller)
        if self._line_ports:
            names = {line: line.upper() for line in self._line_ports}
            own = [f"{names[line]}://{LOOPBACK}:{port}" for line, port in self._line_ports.items()]
            shown = [f"{names[line]}://{LOOPBACK}:{self._proxies[line].port}" for line in self._line_ports]
            plain = [f"{name}:PLAINTEXT" for name in ("PLAINTEXT", "CONTROLLER", *names.values())]
            first = f"PLAINTEXT://{LOOPBACK}:{client}"
            with path.open("a") as file:  # of two lines for a setting, the later one counts
                file.write(f"listeners={first},CONTROLLER://{LOOPBACK}:{controller},{','.join(own)}\n")
                file.write(f"advertised.listeners={first},{','.join(shown)}\n")
                file.write(f"listener.security.protocol.map={','.join(plain)}\n")
                file.write("".join(f"listener.name.{line}.num.network.threads=1\n" for line in self._line_ports))
                file.write("".join(f"{name}={value}\n" for name, value in self.beside.items()))
        return path


@dataclass(frozen=True)
class Line:
    """The way from one service to the servers."""

    kafka: Proxy
    postgres: Proxy
    redis: Proxy


class Ground:
    """The running servers, and what can be done to them. Names of servers: kafka, postgres, valkey."""

    def __init__(self, stack: Stack, kafka: KafkaWithLines, lines: Mapping[str, Line], servers: Servers) -> None:
        self.stack = stack
        self.kafka = kafka
        self.lines = lines
        self.servers = servers

    def line_environment(self, servers: Servers, line: str) -> dict[str, str]:
        """The addresses of `servers` as a service on this line has them."""
        way = self.lines[line]
        return {
            **servers.environment(),
            "LEADSTREAM_KAFKA_BOOTSTRAP": f"{LOOPBACK}:{way.kafka.port}",
            "LEADSTREAM_POSTGRES_DSN": _through(servers.postgres, way.postgres),
            "LEADSTREAM_REDIS_URL": _through(servers.redis, way.redis),
        }

    def pid(self, server: str) -> int | None:
        """The server's process, None while it does not run."""
        return next((row.pid for row in self.stack.status() if row.name == server), None)

    def signal(self, server: str, sent: signal.Signals) -> None:
        """Send a signal to a server's process."""
        pid = self.pid(server)
        assert pid is not None, f"{server} does not run"
        os.kill(pid, sent)

    async def stop(self, server: str) -> None:
        """Stop a server cleanly; it stays stopped."""
        await asyncio.to_thread(self.stack.stop_server, server)

    async def start(self, server: str) -> None:
        """Start it again where it was, and wait until it answers."""
        await asyncio.to_thread(self.stack.start_server, server)

    async def restart_kafka(self, **beside: str) -> None:
        """Stop Kafka and start it with these settings (`_` for `.`) beside its usual ones; with none it is as before."""
        await self.stop("kafka")
        self.kafka.beside = {name.replace("_", "."): value for name, value in beside.items()}
        await self.start("kafka")

    async def kill(self, server: str) -> None:
        """kill -9; it stays down until `start`."""
        self.signal(server, signal.SIGKILL)
        await asyncio.to_thread(self.stack.stop_server, server)

    async def all_up(self) -> None:
        """Every server runs and answers; every line is mended."""
        for line in self.lines.values():
            for proxy in (line.kafka, line.postgres, line.redis):
                proxy.mend()
        for row in self.stack.status():
            if row.state != "running":
                await self.start(row.name)
            elif row.pid is not None:
                os.kill(row.pid, signal.SIGCONT)

    async def sql(self, query: str, *args: object, dsn: str | None = None) -> "list[asyncpg.Record]":
        """Ask Postgres directly, not over a line; the server's own database where no other is named."""
        connection = await asyncpg.connect(dsn or self.servers.postgres, timeout=10)
        try:
            return list(await connection.fetch(query, *args))
        finally:
            await connection.close()


def _through(address: str, proxy: Proxy) -> str:
    parts = urlsplit(address)
    return parts._replace(netloc=f"{parts.netloc.rsplit(':', 1)[0]}:{proxy.port}").geturl()


@asynccontextmanager
async def running_ground() -> AsyncIterator[Ground]:
    """Servers in a folder of their own, gone at the end."""
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="leadstream-chaos-"))
    try:
        async with AsyncExitStack() as proxies:
            lines = {
                line: Line(*[await proxies.enter_async_context(proxied(LOOPBACK, 0)) for _ in range(3)])
                for line in LINES
            }
            home = Home(folder)
            kafka = KafkaWithLines(home, {name: line.kafka for name, line in lines.items()})
            stack = Stack(home, environ={}, servers=[kafka, Postgres(home), Valkey(home)])
            try:
                env = await asyncio.to_thread(stack.start)
                servers = Servers(
                    env["LEADSTREAM_KAFKA_BOOTSTRAP"],
                    env["LEADSTREAM_POSTGRES_DSN"],
                    env["LEADSTREAM_REDIS_URL"],
                    "own",
                )
                for line in lines.values():
                    _aim(line.postgres, servers.postgres)
                    _aim(line.redis, servers.redis)
                yield Ground(stack, kafka, lines, servers)
            finally:
                await asyncio.to_thread(stack.stop)
    finally:
        remove_place(Home(folder))  # as root, the database lives outside the folder
        shutil.rmtree(folder, ignore_errors=True)


def _aim(proxy: Proxy, address: str) -> None:
    parts = urlsplit(address)
    proxy.aim(parts.hostname or LOOPBACK, parts.port or 0)
