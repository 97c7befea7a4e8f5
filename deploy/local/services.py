"""The five services as processes: how many of each, on which ports, started again when one ends."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from deploy.local import envfile
from deploy.local.backoff import failures_after, restart_delay
from deploy.local.errors import StackError
from deploy.local.home import CHECKOUT, Home
from deploy.local.ports import LOOPBACK, PortBook
from deploy.local.processes import Child, ChildPlan, ProcessOwner
from deploy.local.server import Report
from deploy.local.stack import silent

SERVICES = ("capture", "scoring", "routing", "conversion", "reporting")
PORT_VARIABLE = "LEADSTREAM_HTTP_PORT"
REPLICA_VARIABLE = "LEADSTREAM_REPLICA"
STOP_SECONDS = 15.0
READY_SECONDS = 60.0
# A service that ended this often without having been ready will not get better by itself.
HOPELESS_ENDS = 4
_PROBE_SECONDS = 2.0
_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class ServiceStatus:
    """One replica, as `services status --json` prints it. `lag` in records, None when it cannot be asked."""

    service: str
    replica: int
    pid: int | None
    ready: bool
    lag: int | None
    restarts: int
    port: int

    def as_dict(self) -> dict[str, object]:
        return dict(vars(self))


class Replica:
    """One process of one service."""

    def __init__(self, service: str, number: int) -> None:
        self.service = service
        self.number = number
        self.child: Child | None = None
        self.port = 0
        self.started = 0.0
        self.start_at = 0.0
        self.failures = 0
        self.restarts = 0

    @property
    def name(self) -> str:
        return f"{self.service}-{self.number}"

    def alive(self) -> bool:
        return self.child is not None and self.child.alive()


def service_command(service: str) -> list[str]:
    """How a service is started: its own `main`, on the interpreter of this process."""
    return [sys.executable, "-m", f"services.{service}.main"]


class ServiceFleet:
    """The processes of one home's services. Safe to use from several threads."""

    def __init__(
        self,
        home: Home,
        owner: ProcessOwner,
        environ: Mapping[str, str],
        *,
        command: Callable[[str], Sequence[str]] = service_command,
        services: Sequence[str] = SERVICES,
        report: Report = silent,
    ) -> None:
        self.home = home
        self.services = tuple(services)
        self._owner = owner
        self._environ = environ
        self._command = command
        self._report = report
        self._ports = PortBook(home.ports_file)
        self._replicas: dict[str, list[Replica]] = {}
        self._guard = threading.RLock()
        self._keeper: threading.Thread | None = None
        self._closing = threading.Event()

    def up(self, names: Iterable[str] | None = None) -> None:
        """Start replica 0 of each (or each named) service that does not run, and keep them running."""
        with self._guard:
            for name in names or self.services:
                if not self._replicas.get(self._known(name)):
                    self._grow(name, 1)
        self._keep_running()

    def down(self) -> None:
        """Stop all: 15 seconds to finish what they have in hand, then killed."""
        self._closing.set()
        with self._guard:
            children = [replica.child for replica in self._all() if replica.child]
            self._owner.stop_all(children, STOP_SECONDS)
            self._replicas.clear()
        if self._keeper and self._keeper is not threading.current_thread():
            self._keeper.join()
        self._keeper = None

    def scale(self, name: str, count: int) -> None:
        """Bring a service to `count` replicas; surplus ones finish their work first. Raises ValueError for a negative count."""
        if count < 0:
            raise ValueError("a service cannot have fewer than 0 replicas")
        with self._guard:
            replicas = self._replicas.setdefault(self._known(name), [])
            surplus = replicas[count:]
            del replicas[count:]
            self._owner.stop_all([replica.child for replica in surplus if replica.child], STOP_SECONDS)
            self._grow(name, count)
        self._keep_running()

    def restart(self, name: str) -> None:
        """Stop and start every replica of a service, one after the other."""
        with self._guard:
            for replica in self._replicas.get(self._known(name), []):
                if replica.child:
                    self._owner.stop(replica.child, STOP_SECONDS)
                self._launch(replica)

    def kill(self, name: str, number: int = 0) -> int:
        """Kill one replica as a crash would; answers its pid. It is then started again like any that ended."""
        with self._guard:
            child = self._replicas[self._known(name)][number].child
            if child is None:
                raise StackError(name, "does not run")
            child.signal_group(signal.SIGKILL)
            return child.pid

    def status(self) -> list[ServiceStatus]:
        """How each replica is; asks all at once, two seconds at most."""
        with self._guard:
            replicas = self._all()
        if not replicas:
            return []
        with ThreadPoolExecutor(len(replicas)) as askers:
            return list(askers.map(_status_of, replicas))

    def urls(self) -> dict[str, str]:
        """The published address of each service, by variable."""
        with self._guard:
            firsts = [replicas[0] for replicas in self._replicas.values() if replicas]
        return {envfile.url_variable(first.service): f"http://{LOOPBACK}:{first.port}" for first in firsts}

    def wait_ready(self, deadline: float = READY_SECONDS) -> None:
        """Wait until every replica is ready, reporting each. Raises StackError with the log's end of one that is not in time."""
        give_up = time.monotonic() + deadline
        told: set[str] = set()
        while True:
            rows = self.status()
            for row in rows:
                if row.ready and f"{row.service}-{row.replica}" not in told:
                    told.add(f"{row.service}-{row.replica}")
                    self._report(f"{row.service}-{row.replica}: ready on port {row.port}")
            waiting = [row for row in rows if not row.ready]
            if not waiting:
                return
            self._give_up_on(waiting, late=time.monotonic() >= give_up)
            time.sleep(_POLL_SECONDS)

    def tick(self, now: float) -> None:
        """Start again what ended, when its pause is over. `now` is monotonic seconds."""
        with self._guard:
            for replica in self._all():
                self._tend(replica, now)

    def _give_up_on(self, waiting: Sequence[ServiceStatus], *, late: bool) -> None:
        for row in waiting:
            hopeless = row.restarts >= HOPELESS_ENDS
            if hopeless or late:
                happened = f"ended {row.restarts} times while starting" if hopeless else "was not ready in time"
                name = f"{row.service}-{row.replica}"
                raise StackError(name, happened, log=self.home.log(name))

    def _known(self, name: str) -> str:
        if name not in self.services:
            raise ValueError(f"no such service; there are {', '.join(self.services)}")
        return name

    def _all(self) -> list[Replica]:
        return [replica for replicas in self._replicas.values() for replica in replicas]

    def _grow(self, name: str, count: int) -> None:
        replicas = self._replicas.setdefault(name, [])
        for number in range(len(replicas), count):
            replica = Replica(name, number)
            replicas.append(replica)
            self._launch(replica)
        envfile.update_env(self.home.env_file, self.urls())

    def _launch(self, replica: Replica) -> None:
        replica.port = self._ports.take(replica.name)
        own = {
            PORT_VARIABLE: str(replica.port),
            REPLICA_VARIABLE: str(replica.number),
            "PYTHONUNBUFFERED": "1",
        }
        plan = ChildPlan(
            name=replica.name,
            command=list(self._command(replica.service)),
            log=self.home.log(replica.name),
            environ={**self._environ, **own},
            folder=CHECKOUT,
        )
        replica.child = self._owner.spawn(plan)
        replica.started = time.monotonic()

    def _tend(self, replica: Replica, now: float) -> None:
        if replica.alive():
            return
        if replica.child:
            code = replica.child.exit_code()
            self._owner.stop(replica.child, 0.0)
            replica.child = None
            replica.failures = failures_after(replica.failures, up_seconds=now - replica.started)
            replica.start_at = now + restart_delay(replica.failures)
            self._report(
                f"{replica.name}: ended with code {code}, starting it again in {restart_delay(replica.failures):.1f} s"
            )
        elif now >= replica.start_at:
            replica.restarts += 1
            self._launch(replica)
            envfile.update_env(self.home.env_file, self.urls())

    def _keep_running(self) -> None:
        if self._keeper is None:
            self._closing.clear()
            self._keeper = threading.Thread(target=self._keep, name="keeper", daemon=True)
            self._keeper.start()

    def _keep(self) -> None:
        while not self._closing.wait(_POLL_SECONDS):
            self.tick(time.monotonic())


def _status_of(replica: Replica) -> ServiceStatus:
    child = replica.child
    pid = child.pid if child and child.alive() else None
    ready, lag = ask_ready(replica.port) if pid else (False, None)
    return ServiceStatus(replica.service, replica.number, pid, ready, lag, replica.restarts, replica.port)


def ask_ready(port: int) -> tuple[bool, int | None]:
    """What `GET /health/ready` says: whether it is ready (200), and the lag in its body."""
    try:
        with urllib.request.urlopen(f"http://{LOOPBACK}:{port}/health/ready", timeout=_PROBE_SECONDS) as answer:
            return True, _lag(answer.read())
    except urllib.error.HTTPError as error:
        return False, _lag(error.read())
    except (OSError, ValueError):
        return False, None


def _lag(body: bytes) -> int | None:
    try:
        lag = json.loads(body).get("lag")
    except (ValueError, AttributeError):
        return None
    return int(lag) if isinstance(lag, (int, float)) else None
