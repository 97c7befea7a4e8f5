"""The services as processes, kept running: what ends without being asked to is started again, as a supervisor does."""

import asyncio
import contextlib
import signal
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from shared.contracts.topics import SERVICES
from tests.chaos.servers import Ground
from tests.chaos.slow_names import NAMES_VARIABLE, SERVICE_VARIABLE
from tests.support.process import ServiceProcess
from tests.support.stack import Servers
from tests.support.waiting import eventually

ADMIN_KEY = "an-admin-key-for-chaos"
SOURCE_KEY = "a-source-key-for-chaos"
SESSION_TIMEOUT_S = 5.0
# A machine that is full takes long to start a process.
_READY_S = 120.0
_LOOK_S = 0.1
_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 5.0


class Fleet:
    """Processes by name: `scoring` is the service's own, `scoring-1` a further replica (see `guest`)."""

    def __init__(self, ground: Ground, servers: Servers, folder: Path) -> None:
        self.processes: dict[str, ServiceProcess] = {}
        self.starts: Counter[str] = Counter()
        self.restarts = 0
        self._ground = ground
        self._servers = servers
        self._folder = folder
        self._kept: set[str] = set()
        self._restart_at: dict[str, float] = {}
        self._failures: Counter[str] = Counter()
        self._keeping: asyncio.Task[None] | None = None

    @property
    def members(self) -> Mapping[str, ServiceProcess]:
        """Those that are meant to run."""
        return {name: self.processes[name] for name in self._kept}

    @property
    def names(self) -> Path:
        """What `tests.chaos.slow_names` is told by."""
        return self._folder / "names"

    @property
    def clock(self) -> Path:
        """What `tests.chaos.skewed_clock` is told by."""
        return self._folder / "clock"

    def log_of(self, name: str) -> Path:
        """Where a process writes its log."""
        return self._folder / f"{name}.log"

    def logs(self) -> Mapping[str, Path]:
        """The log of each process that ever ran."""
        return {name: process.log for name, process in self.processes.items()}

    async def begin(self, **env: str) -> None:
        """All five, ready, and kept from now on."""
        for name in SERVICES:
            self.launch(name, **env)
        self._keeping = asyncio.create_task(self._keep())
        await self.ready()

    async def end(self) -> None:
        """All ended, the hard way: a run is over."""
        if self._keeping is not None:
            self._keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeping
        for process in self.processes.values():
            await process.__aexit__(None, None, None)

    def launch(self, name: str, *, line: str | None = None, **env: str) -> ServiceProcess:
        """Start a process and keep it. A known one starts again with its own port and settings, and `env`."""
        process = self.processes.get(name)
        if process is None:
            service, _, number = name.partition("-")
            module = f"services.{service}.main"
            settings = self.environment(line or service) | {"LEADSTREAM_FAILPOINTS": f"@{self._points(name)}"}
            settings |= {NAMES_VARIABLE: str(self.names), SERVICE_VARIABLE: module}
            process = ServiceProcess(module, settings, self.log_of(name), replica=int(number or 0))
            self.processes[name] = process
        self._points(name).write_text(env.pop("LEADSTREAM_FAILPOINTS", ""))
        process.start(**env)
        self.starts[name] += 1
        self._kept.add(name)
        return process

    async def guest(
        self, service: str, number: int = 1, *, line: str = "guest", failpoints: str = ""
    ) -> ServiceProcess:
        """One more member of a service's groups, ready, on a line of its own. `release` it in `recover`."""
        name = f"{service}-{number}"
        return await self.launch(name, line=line, LEADSTREAM_FAILPOINTS=failpoints).ready(_READY_S)

    async def release(self, name: str) -> None:
        """Stop a process for good."""
        self._kept.discard(name)
        process = self.processes[name]
        process.send(signal.SIGCONT) if process.running else None
        await asyncio.to_thread(process.stop, 40)

    def kill(self, name: str) -> None:
        """kill -9; it is started again."""
        self.processes[name].kill()
        self._failures[name] = 0

    async def stop(self, name: str, within: float = 40) -> tuple[int, float]:
        """SIGTERM and no restart; answers exit code and seconds. `launch` starts it again."""
        self._kept.discard(name)
        began = time.monotonic()
        code = await asyncio.to_thread(self.processes[name].stop, within)
        return code, time.monotonic() - began

    def arm(self, name: str, points: str) -> None:
        """Arm failpoints in a running process, now; see `shared/observability/failpoints.py`."""
        self._points(name).write_text(points)
        self.processes[name].send(signal.SIGUSR2)

    def freeze(self, name: str) -> None:
        self.processes[name].send(signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        self.processes[name].send(signal.SIGCONT)

    async def works(self, name: str) -> bool:
        """Whether it is ready now, consumers too."""
        health = await self.processes[name].health()
        return health is not None and health["ready"] and not health["consumers"]

    async def ready(self, within: float = _READY_S) -> None:
        """Wait until every one that is kept is ready, consumers too."""

        async def all_ready() -> bool:
            return all([await self.works(name) for name in self.members])

        try:
            await eventually(all_ready, "every service is ready", within=within, every=0.1)
        except AssertionError as error:
            ends = [f"{name}: {await process.health()}\n{process.tail(8)}" for name, process in self.members.items()]
            raise AssertionError("\n".join((str(error), *ends))) from None

    async def caught_up(self) -> bool:
        """Whether every service is ready and has nothing before it."""
        found = [await process.health() for process in self.members.values()]
        return all(health is not None and not health["consumers"] and health["lag"] == 0 for health in found)

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            for name in list(self._kept):
                if not self.processes[name].running:
                    self._start_again(name, time.monotonic())

    def _start_again(self, name: str, now: float) -> None:
        if name not in self._restart_at:
            self._failures[name] += 1
            pause = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** (self._failures[name] - 1))
            self._restart_at[name] = now + pause
        elif now >= self._restart_at[name]:
            del self._restart_at[name]
            self._points(name).write_text("")
            self.processes[name].start()
            self.starts[name] += 1
            self.restarts += 1

    def _points(self, name: str) -> Path:
        return self._folder / f"{name}.failpoints"

    def environment(self, line: str) -> dict[str, str]:
        """What a process on this line is started with: addresses, keys, the secret."""
        return {
            **self._ground.line_environment(self._servers, line),
            "LEADSTREAM_ADMIN_KEY": ADMIN_KEY,
            "LEADSTREAM_SOURCE_KEY": SOURCE_KEY,
            "LEADSTREAM_SECRET": "a-secret-for-chaos-runs",
            "LEADSTREAM_SESSION_TIMEOUT_MS": str(int(SESSION_TIMEOUT_S * 1000)),
        }
