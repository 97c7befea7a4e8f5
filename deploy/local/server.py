"""What the stack knows of a server, whichever it is."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from deploy.local.errors import StackError
from deploy.local.processes import Account, ChildPlan, become

STEP_SECONDS = 60
Report = Callable[[str], None]


class Server(Protocol):
    """A server of the local stack. All methods may block; none may be called before `prepare`."""

    name: str
    variable: str

    def prepare(self, report: Report) -> None:
        """Make its data folder ready, the first time or again. Raises StackError."""

    def ports(self) -> dict[str, str]:
        """The ports that it needs, as names in the port book; the first one is the one that clients use."""

    def plan(self, ports: dict[str, int]) -> ChildPlan:
        """How to start it on these ports; writes its configuration."""

    def answers(self, ports: dict[str, int]) -> bool:
        """Whether it does its work now, and is the server of this home and no other."""

    def after_start(self, ports: dict[str, int]) -> None:
        """What must be done once it answers."""

    def address(self, ports: dict[str, int]) -> str:
        """The value of its variable, for clients."""


@dataclass(frozen=True)
class ServerStatus:
    """One server as `stack status` shows it. Memory in bytes, of the whole process family."""

    name: str
    state: str
    pid: int | None
    port: int | None
    memory: int
    restarts: int
    log: str

    def as_dict(self) -> dict[str, object]:
        return dict(vars(self))


def run_async(call: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Run a coroutine to its end in a thread of its own, so that it works with and without a running event loop."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(lambda: asyncio.run(call())).result()


def run_step(name: str, command: Sequence[str], *, log: Path, cwd: Path, account: Account | None = None) -> None:
    """Run a command of the preparation to its end. Raises StackError, with the end of its log, when it fails or takes over a minute."""
    with log.open("wb") as output:
        try:
            done = subprocess.run(
                [*become(account, os.getpid(), signal.SIGTERM), *command],
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                env=plain_environ(),
                cwd=cwd,
                timeout=STEP_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise StackError(name, f"making its data folder took over {STEP_SECONDS} s", log=log) from None
    if done.returncode:
        raise StackError(name, f"making its data folder ended with code {done.returncode}", log=log)


def plain_environ(**more: str) -> dict[str, str]:
    """The environment for a server: what a process needs to run, and nothing that would change what it does."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if key in {"PATH", "HOME", "LANG", "TMPDIR", "TZ", "LD_LIBRARY_PATH"}
    }
    return kept | more


def folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path
