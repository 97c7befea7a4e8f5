"""Child processes that never outlive their owner: started, written down, stopped with a deadline."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil

from deploy.local.home import read_json, write_json

_HERE = Path(__file__).resolve().parent
_LOG_LIMIT_BYTES = 20 * 1024 * 1024
_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Account:
    """An unprivileged account, by number."""

    user: int
    group: int


@dataclass(frozen=True)
class ChildPlan:
    """What to start. `stop_signal` asks for a clean end; it is also what the child gets when its owner is killed."""

    name: str
    command: Sequence[str]
    log: Path
    environ: Mapping[str, str]
    folder: Path
    stop_signal: signal.Signals = signal.SIGTERM
    account: Account | None = None


class Child:
    """One started process, leader of its own session and process group."""

    def __init__(self, plan: ChildPlan, process: subprocess.Popen[bytes]) -> None:
        self.plan = plan
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    def exit_code(self) -> int | None:
        """None while it runs; negative is the signal that ended it."""
        return self._process.poll()

    def alive(self) -> bool:
        return self.exit_code() is None

    def signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def wait(self, seconds: float) -> bool:
        """Whether it ended within `seconds`."""
        try:
            self._process.wait(max(seconds, 0.0))
        except subprocess.TimeoutExpired:
            return False
        return True


class ProcessOwner:
    """Starts children and ends them. When this process is killed they end too: by the kernel's word (Linux), and by a watchdog."""

    def __init__(self, record: Path) -> None:
        self._record = record
        self._children: dict[int, Child] = {}
        self._lock = threading.RLock()
        # The kernel's "parent" is the thread that started a child: one thread does it, and lives as long as the owner.
        self._spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")
        self._watchdog: subprocess.Popen[bytes] | None = None

    def spawn(self, plan: ChildPlan) -> Child:
        """Start a child. Raises OSError when its log cannot be written."""
        child = self._spawner.submit(_start, plan).result()
        with self._lock:
            self._children[child.pid] = child
            self._tell(f"add {child.pid} {int(plan.stop_signal)}")
            self._write_record()
        return child

    def stop(self, child: Child, seconds: float) -> bool:
        """Ask it to end, wait, then kill its whole group. Answers whether it ended by itself within `seconds`."""
        return self.stop_all([child], seconds)

    def stop_all(self, children: Sequence[Child], seconds: float) -> bool:
        """Ask all at once, wait for all, kill what is left."""
        for child in children:
            os_signal = child.plan.stop_signal
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(child.pid, os_signal) if child.alive() else None
        give_up = time.monotonic() + seconds
        ended = [child.wait(give_up - time.monotonic()) for child in children]
        for child in children:
            # Also after a clean end: what the child itself started must not stay behind.
            child.signal_group(signal.SIGKILL)
            child.wait(5.0)
            self._forget(child)
        return all(ended)

    def close(self, seconds: float = 10.0) -> None:
        """End whatever is left, then the watchdog."""
        with self._lock:
            left = list(self._children.values())
        self.stop_all(left, seconds)
        self._spawner.shutdown()
        if self._watchdog and self._watchdog.stdin:
            with contextlib.suppress(OSError):
                self._watchdog.stdin.close()
            self._watchdog.wait(10.0)
            self._watchdog = None

    def _forget(self, child: Child) -> None:
        with self._lock:
            self._children.pop(child.pid, None)
            self._tell(f"drop {child.pid}")
            self._write_record()

    def _tell(self, line: str) -> None:
        """Tell the watchdog; one that was killed is replaced and told everything again."""
        if self._watchdog is None or not _write_line(self._watchdog, line):
            if self._watchdog:
                self._watchdog.poll()
            self._watchdog = self._spawner.submit(_start_watchdog).result()
            for child in self._children.values():
                _write_line(self._watchdog, f"add {child.pid} {int(child.plan.stop_signal)}")

    def _write_record(self) -> None:
        rows = {child.plan.name: _identity(child.pid) for child in self._children.values()}
        write_json(self._record, rows)


def end_leftovers(record: Path, seconds: float = 5.0) -> list[str]:
    """End children that an earlier owner left running (it and its watchdog were both killed); answers their names.

    Only call it while holding the lock of the home. A process counts as ours when both its number and its start time are as written down.
    """
    ended = []
    for name, identity in read_json(record).items():
        process = _same_process(identity)
        if process is not None:
            ended.append(name)
            _end(process, seconds)
    with contextlib.suppress(FileNotFoundError):
        record.unlink()
    return ended


def rotate(log: Path) -> None:
    """Keep one older log aside when the current one has grown past 20 MB."""
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > _LOG_LIMIT_BYTES:
            os.replace(log, log.with_suffix(".log.1"))


def become(account: Account | None, parent: int, number: signal.Signals) -> list[str]:
    """The words before a command that make it a child that dies with `parent`, under `account`."""
    options = ["--parent", str(parent), "--signal", str(int(number))]
    if account:
        options += ["--account", f"{account.user}:{account.group}"]
    return [sys.executable, "-I", "-S", str(_HERE / "child.py"), *options, "--"]


def _start(plan: ChildPlan) -> Child:
    rotate(plan.log)
    plan.log.parent.mkdir(parents=True, exist_ok=True)
    with plan.log.open("ab") as log:
        process = subprocess.Popen(
            [*become(plan.account, os.getpid(), plan.stop_signal), *plan.command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=dict(plan.environ),
            cwd=plan.folder,
            start_new_session=True,
        )
    return Child(plan, process)


def _start_watchdog() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(_HERE / "watchdog.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )


def _write_line(process: subprocess.Popen[bytes], line: str) -> bool:
    if process.stdin is None:
        return False
    try:
        process.stdin.write(f"{line}\n".encode())
        process.stdin.flush()
    except OSError:
        return False
    return True


def _identity(pid: int) -> dict[str, float]:
    try:
        return {"pid": pid, "started": psutil.Process(pid).create_time()}
    except psutil.Error:
        return {"pid": pid, "started": 0.0}


def _same_process(identity: Mapping[str, float]) -> psutil.Process | None:
    try:
        process = psutil.Process(int(identity["pid"]))
        same = abs(process.create_time() - identity["started"]) < 0.5 and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, KeyError, TypeError, ValueError):
        return None
    return process if same else None


def _end(process: psutil.Process, seconds: float) -> None:
    with contextlib.suppress(psutil.Error):
        family = [*process.children(recursive=True), process]
        process.terminate()
        _, alive = psutil.wait_procs(family, timeout=seconds)
        for member in alive:
            with contextlib.suppress(psutil.Error):
                member.kill()
        psutil.wait_procs(alive, timeout=seconds)
