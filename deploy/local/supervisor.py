"""The process that owns a detached stack (`make up`): servers, services, and a control port. Killed, it takes all of them with it.

python -m deploy.local.supervisor --home FOLDER
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from deploy.local import envfile
from deploy.local.control import ControlServer, ask
from deploy.local.errors import AlreadyRunning, MissingPart, NotRunning, StackError
from deploy.local.home import (
    CHECKOUT,
    HOME_VARIABLE,
    Home,
    read_json,
    secrets_of,
    write_json,
)
from deploy.local.lock import holder
from deploy.local.processes import rotate
from deploy.local.server import Report
from deploy.local.services import ServiceFleet
from deploy.local.stack import START_SECONDS, Stack

KIND = "supervisor"
DOWN_SECONDS = 60.0
_TICK_SECONDS = 0.25
_POLL_SECONDS = 0.1


class Supervisor:
    """Runs in the detached process."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._stack = Stack(home, kind=KIND, report=self._note)
        self._fleet: ServiceFleet | None = None
        self._stop = threading.Event()
        self._lines: list[str] = []
        self._phase = "starting"

    def run(self) -> int:
        """Start, serve until told to stop, stop. Answers the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            self._stack.start()
        except AlreadyRunning:
            raise
        except StackError as error:
            self._write_state("failed", error=str(error), missing=isinstance(error, MissingPart))
            return 3 if isinstance(error, MissingPart) else 1
        control = ControlServer(secrets_of(self._home)["control_token"], self._commands())
        try:
            self._fleet = ServiceFleet(
                self._home,
                self._stack.owner,
                self._service_environ(),
                report=self._note,
            )
            self._write_state("ready", control_port=control.port)
            while not self._stop.wait(_TICK_SECONDS):
                self._stack.keep(time.monotonic())
        finally:
            self._finish(control)
        return 0

    def _finish(self, control: ControlServer) -> None:
        self._write_state("stopping")
        control.close()
        if self._fleet:
            self._fleet.down()
        self._stack.stop()
        self._home.state_file.unlink(missing_ok=True)

    def _service_environ(self) -> dict[str, str]:
        """What the services get: this process's environment, where it says nothing the env file, and always the servers' addresses."""
        written = envfile.read_env(self._home.env_file)
        return {
            **written,
            **os.environ,
            **self._stack.env(),
            HOME_VARIABLE: str(self._home.root),
        }

    def _commands(self) -> Mapping[str, Callable[[Mapping[str, Any]], Any]]:
        return {
            "status": lambda body: self._status(),
            "services/up": lambda body: self._running().up(body.get("services")),
            "services/down": lambda body: self._running().down(),
            "services/scale": lambda body: self._running().scale(str(body["service"]), int(body["replicas"])),
            "services/restart": lambda body: self._running().restart(str(body["service"])),
            "services/status": lambda body: [row.as_dict() for row in self._running().status()],
            "servers/stop": lambda body: self._stack.stop_server(str(body["server"])),
            "servers/start": lambda body: self._stack.start_server(str(body["server"])),
        }

    def _running(self) -> ServiceFleet:
        if self._fleet is None:
            raise StackError("supervisor", "is still starting")
        return self._fleet

    def _status(self) -> dict[str, Any]:
        services = [row.as_dict() for row in self._running().status()]
        return {
            "pid": os.getpid(),
            "servers": [row.as_dict() for row in self._stack.status()],
            "services": services,
        }

    def _note(self, line: str) -> None:
        print(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {line}", flush=True)
        self._lines.append(line)
        if self._phase == "starting":
            self._write_state("starting")

    def _write_state(self, phase: str, **more: object) -> None:
        self._phase = phase
        write_json(
            self._home.state_file,
            {"pid": os.getpid(), "phase": phase, "progress": self._lines[-50:], **more},
        )


def start_detached(home: Home, report: Report, deadline: float = START_SECONDS + 30.0) -> int:
    """Start the supervisor of `home` and wait until its servers answer; answers its pid. Raises StackError, AlreadyRunning."""
    home.prepare()
    found = holder(home)
    if found:
        raise AlreadyRunning(found.pid, found.kind, home.root)
    home.state_file.unlink(missing_ok=True)
    log = home.log(KIND)
    rotate(log)
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "deploy.local.supervisor", "--home", str(home.root)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=CHECKOUT,
            start_new_session=True,
        )
    try:
        _follow_start(home, process, report, time.monotonic() + deadline)
    except KeyboardInterrupt:
        # It has a session of its own, so it did not hear the Ctrl-C. It stops what it started.
        process.terminate()
        process.wait()
        raise
    return process.pid


def _follow_start(home: Home, process: subprocess.Popen[bytes], report: Report, give_up: float) -> None:
    told = 0
    while time.monotonic() < give_up:
        ended = process.poll() is not None
        state = read_json(home.state_file)
        progress = state.get("progress", []) if state.get("pid") == process.pid else []
        for line in progress[told:]:
            report(str(line))
        told = max(told, len(progress))
        if state.get("phase") == "ready" and state.get("pid") == process.pid:
            return
        if ended:
            raise _start_failure(home, state)
        time.sleep(_POLL_SECONDS)
    process.terminate()
    raise StackError(KIND, "was not ready in time", log=home.log(KIND))


def _start_failure(home: Home, state: Mapping[str, Any]) -> StackError:
    found = holder(home)
    if found:
        return AlreadyRunning(found.pid, found.kind, home.root)
    if "error" in state:
        component, _, happened = str(state["error"]).partition(": ")
        return (MissingPart if state.get("missing") else StackError)(component, happened)
    return StackError(KIND, "ended while starting", log=home.log(KIND))


def stop_detached(home: Home, deadline: float = DOWN_SECONDS) -> bool:
    """Stop the supervisor and all that it owns; False when none ran. Raises StackError when the owner is not a supervisor."""
    found = holder(home)
    if found is None:
        return False
    if found.kind != KIND:
        raise AlreadyRunning(found.pid, found.kind, home.root)
    with contextlib.suppress(ProcessLookupError):
        os.kill(found.pid, signal.SIGTERM)
    give_up = time.monotonic() + deadline
    while holder(home):
        if time.monotonic() > give_up:
            # Its watchdog then ends what it owned.
            with contextlib.suppress(ProcessLookupError):
                os.kill(found.pid, signal.SIGKILL)
            raise StackError(
                KIND,
                f"did not stop within {deadline:.0f} s and was killed",
                log=home.log(KIND),
            )
        time.sleep(_POLL_SECONDS)
    return True


def status_of(home: Home) -> dict[str, Any]:
    """Servers and services as the supervisor sees them. Raises NotRunning without one."""
    if holder(home) is None:
        raise NotRunning(home.root)
    answer: dict[str, Any] = ask(home, "status")
    return answer


def main() -> None:
    """What the detached process does."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    try:
        code = Supervisor(Home(parser.parse_args().home)).run()
    except AlreadyRunning as error:
        print(error, flush=True)
        code = 1
    sys.exit(code)


if __name__ == "__main__":
    main()
