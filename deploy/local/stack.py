"""Kafka, PostgreSQL and Valkey of one home: started together, watched, stopped in order."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import psutil

from deploy.local import envfile
from deploy.local.backoff import failures_after, restart_delay
from deploy.local.errors import StackError
from deploy.local.home import Home, home_from, read_json, secrets_of, write_json
from deploy.local.kafka import Kafka
from deploy.local.lock import HomeLock, take_lock
from deploy.local.ports import PortBook, is_free, listens
from deploy.local.postgres import Postgres
from deploy.local.processes import Child, ProcessOwner, end_leftovers
from deploy.local.server import Report, Server, ServerStatus
from deploy.local.valkey import Valkey

START_SECONDS = 90.0
STOP_SECONDS = 15.0
_POLL_SECONDS = 0.1
_ATTEMPTS = 3


def given_servers(home: Home, environ: Mapping[str, str], variables: Sequence[str]) -> dict[str, str]:
    """The variables that name a server of the user's own.

    An environment that was filled from `.leadstream/env` names our own servers too, from the last start; those are none of the user's.
    """
    written, known = envfile.read_env(home.env_file), read_json(home.given_file)
    named = {name: environ[name] for name in variables if environ.get(name)}
    return {name: value for name, value in named.items() if value != written.get(name) or value == known.get(name)}


def every_server(home: Home) -> list[Server]:
    """The three servers of a home."""
    return [Kafka(home), Postgres(home), Valkey(home)]


def silent(line: str) -> None:
    """Report to nobody."""


@dataclass
class _Running:
    server: Server
    ports: dict[str, int] = field(default_factory=dict)
    child: Child | None = None
    wanted: bool = False
    started: float = 0.0
    failures: int = 0
    restarts: int = 0
    start_at: float = 0.0


class Stack:
    """The servers of one home. Use it as a context manager, or `start` and `stop`.

    A server whose variable (`LEADSTREAM_KAFKA_BOOTSTRAP`, `LEADSTREAM_POSTGRES_DSN`, `LEADSTREAM_REDIS_URL`) is set in `environ` is not
    started: that address is used. Whatever it starts ends with this process, also when this process is killed.
    """

    def __init__(
        self,
        home: Home | None = None,
        *,
        environ: Mapping[str, str] = os.environ,
        kind: str = "program",
        report: Report = silent,
        servers: Sequence[Server] | None = None,
    ) -> None:
        self.home = home or home_from(environ)
        self._kind = kind
        self._report = report
        every = every_server(self.home) if servers is None else servers
        self._environ = environ
        self._given = given_servers(self.home, environ, [server.variable for server in every])
        self._running = {server.name: _Running(server) for server in every if server.variable not in self._given}
        self._ports = PortBook(self.home.ports_file)
        self._guard = threading.RLock()
        self._lock: HomeLock | None = None
        self._owner: ProcessOwner | None = None

    @property
    def owner(self) -> ProcessOwner:
        """Who starts the processes; shared with the services, so that all end together."""
        if self._owner is None:
            raise StackError("stack", "is not started")
        return self._owner

    @property
    def ports(self) -> PortBook:
        return self._ports

    def start(self, deadline: float = START_SECONDS) -> dict[str, str]:
        """Start what is not given, wait until it answers, write `.leadstream/env`; answers the variables.

        Raises AlreadyRunning when the home has another owner, StackError when a server does not answer within `deadline` seconds; then
        nothing is left running.
        """
        self.home.prepare()
        self._lock = take_lock(self.home, self._kind)
        secrets_of(self.home)
        try:
            for name in end_leftovers(self.home.children_file):
                self._report(f"{name}: ended one left over from an earlier run")
            self._owner = ProcessOwner(self.home.children_file)
            self._prepare()
            give_up = time.monotonic() + deadline
            for running in self._running.values():
                self._launch(running)
            for running in self._running.values():
                self._await(running, give_up)
            return self._publish()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the servers, Kafka last of all to be asked nothing more; the data stay. Harmless when nothing runs."""
        with self._guard:
            for running in self._running.values():
                running.wanted = False
            children = [running.child for running in self._running.values() if running.child]
            if self._owner:
                self._owner.stop_all(children, STOP_SECONDS)
                self._owner.close()
                self._owner = None
            for running in self._running.values():
                running.child = None
            if self._lock:
                self._lock.release()
                self._lock = None

    def stop_server(self, name: str) -> None:
        """Stop one server and leave it stopped (what an outage test needs). Raises KeyError for a server that is not ours."""
        with self._guard:
            running = self._running[name]
            running.wanted = False
            if running.child:
                self.owner.stop(running.child, STOP_SECONDS)
                running.child = None

    def start_server(self, name: str, deadline: float = START_SECONDS) -> None:
        """Start one server again on its old ports and wait until it answers."""
        with self._guard:
            running = self._running[name]
            if running.child is None or not running.child.alive():
                self._launch(running)
            self._await(running, time.monotonic() + deadline)

    def keep(self, now: float) -> None:
        """Start again what ended without being asked to, with growing pauses. Call it a few times a second; `now` is monotonic seconds."""
        if not self._guard.acquire(blocking=False):
            return
        try:
            for running in self._running.values():
                self._keep_one(running, now)
        finally:
            self._guard.release()

    def env(self) -> dict[str, str]:
        """The variables that tell clients where the servers are, and the two keys."""
        addresses = {r.server.variable: r.server.address(r.ports) for r in self._running.values() if r.ports}
        known = secrets_of(self.home)
        return (
            addresses
            | self._given
            | {
                envfile.SOURCE_KEY: known["source_key"],
                envfile.ADMIN_KEY: known["admin_key"],
                envfile.SECRET: known["secret"],
            }
        )

    def status(self) -> list[ServerStatus]:
        """How each server is; one that is given shows as `external`."""
        given = [ServerStatus(name, "external", None, None, 0, 0, "") for name in self._given]
        return [self._status_of(running) for running in self._running.values()] + given

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _prepare(self) -> None:
        """All at once: formatting and initialising for the first time take a second or two each."""
        with ThreadPoolExecutor(max(1, len(self._running))) as pool:
            for done in [pool.submit(running.server.prepare, self._report) for running in self._running.values()]:
                done.result()

    def _launch(self, running: _Running) -> None:
        old = self._ports.known()
        running.ports = {role: self._ports.take(name) for role, name in running.server.ports().items()}
        for role, name in running.server.ports().items():
            if old.get(name) not in (None, running.ports[role]):
                self._report(
                    f"{running.server.name}: port {old[name]} is taken by another program, using {running.ports[role]}"
                )
        running.child = self.owner.spawn(running.server.plan(running.ports))
        running.wanted = True
        running.started = time.monotonic()

    def _await(self, running: _Running, give_up: float) -> None:
        """Wait until it answers; when another program took its port in the meantime, try again on another."""
        for attempt in range(1, _ATTEMPTS + 1):
            if self._answers_before(running, give_up):
                running.server.after_start(running.ports)
                self._report(
                    f"{running.server.name}: ready on port {running.ports['client']} ({time.monotonic() - running.started:.1f} s)"
                )
                return
            if attempt < _ATTEMPTS and self._port_was_taken(running):
                self._launch(running)
                continue
            raise self._failure(running)

    def _answers_before(self, running: _Running, give_up: float) -> bool:
        child = running.child
        assert child is not None
        while child.alive() and time.monotonic() < give_up:
            if listens(child.pid, running.ports["client"]) and running.server.answers(running.ports):
                return True
            time.sleep(_POLL_SECONDS)
        return False

    def _port_was_taken(self, running: _Running) -> bool:
        ended = running.child is not None and not running.child.alive()
        return ended and any(not is_free(port) for port in running.ports.values())

    def _failure(self, running: _Running) -> StackError:
        assert running.child is not None
        code = running.child.exit_code()
        happened = f"ended with code {code} while starting" if code is not None else "did not answer in time"
        return StackError(running.server.name, happened, log=self.home.log(running.server.name))

    def _keep_one(self, running: _Running, now: float) -> None:
        if not running.wanted or (running.child and running.child.alive()):
            return
        if running.child:
            running.failures = failures_after(running.failures, up_seconds=now - running.started)
            running.start_at = now + restart_delay(running.failures)
            running.child = None
            self._report(f"{running.server.name}: ended, starting it again in {restart_delay(running.failures):.1f} s")
        elif now >= running.start_at:
            running.restarts += 1
            self._launch(running)
            self._write_env()

    def _publish(self) -> dict[str, str]:
        write_json(self.home.given_file, self._given)
        self._write_env()
        return self.env()

    def _write_env(self) -> None:
        """The servers' addresses anew; what else stands in the file stays."""
        envfile.update_env(self.home.env_file, self.env())

    def _status_of(self, running: _Running) -> ServerStatus:
        child, name = running.child, running.server.name
        alive = child is not None and child.alive()
        state = "running" if alive else ("restarting" if running.wanted else "stopped")
        pid = child.pid if child and alive else None
        memory = family_memory(pid) if pid else 0
        return ServerStatus(
            name,
            state,
            pid,
            running.ports.get("client"),
            memory,
            running.restarts,
            str(self.home.log(name)),
        )


def family_memory(pid: int) -> int:
    """Bytes that a process and its children hold, shared pages counted once where the system can tell (PSS), else resident."""
    try:
        process = psutil.Process(pid)
        return sum(_memory(member) for member in [process, *process.children(recursive=True)])
    except psutil.Error:
        return 0


def _memory(process: psutil.Process) -> int:
    try:
        full = process.memory_full_info()
        return int(getattr(full, "pss", 0) or full.rss)
    except psutil.Error:
        return 0
