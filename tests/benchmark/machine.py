"""The machine, and what processes have used of it, from /proc."""

import os
import platform
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from urllib.parse import urlsplit

import psutil

_TICKS = os.sysconf("SC_CLK_TCK")


def facts() -> dict[str, str]:
    """What a figure needs to be compared with another one."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{psutil.virtual_memory().total / 2**30:.1f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{name: version(name) for name in ("faststream", "aiokafka", "pydantic", "asyncpg")},
        "load before": f"{os.getloadavg()[0]:.2f}",
        "yardstick": f"{yardstick_ms():.0f} ms",
    }


def yardstick_ms() -> float:
    """CPU time of a million steps of a plain loop, the least of five: what a figure of one machine, or of one hour of it,
    is divided by before it is held against another's."""
    return min(_loop_ms() for _ in range(5))


def _loop_ms() -> float:
    before, total = time.process_time(), 0
    for n in range(1_000_000):
        total += n * n % 7
    return (time.process_time() - before) * 1e3


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.machine()


def cpu_seconds(pid: int) -> float:
    """User and system time of a process with the children that it has waited for; 0 when it is gone."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(int(fields[n]) for n in (11, 12, 13, 14)) / _TICKS


def tree_cpu_seconds(pid: int) -> float:
    """The same with the children that live now: Postgres is a family."""
    try:
        children = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return 0.0
    return cpu_seconds(pid) + sum(cpu_seconds(child.pid) for child in children)


@dataclass(frozen=True, slots=True)
class ServerPids:
    """The servers' processes, where they run on this machine: by name, absent where they do not."""

    pids: Mapping[str, int]

    def cpu(self) -> dict[str, float]:
        """CPU seconds of each server so far."""
        return {name: tree_cpu_seconds(pid) for name, pid in self.pids.items()}


def server_pids(addresses: Mapping[str, str]) -> ServerPids:
    """Who listens at these addresses (`host:port` or URLs), as far as this user may see it."""
    ports = {_port(address): name for name, address in addresses.items()}
    try:
        listening = [c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
    except psutil.AccessDenied:
        return ServerPids({})
    found = {getattr(c.laddr, "port", 0): c.pid for c in listening}
    return ServerPids({name: pid for port, name in ports.items() if (pid := found.get(port))})


def _port(address: str) -> int:
    return urlsplit(address if "//" in address else f"//{address}").port or 0


def memory_mib(pids: Iterable[int]) -> tuple[float, float]:
    """Resident and proportional memory of process trees, in MiB. Shared pages count once a process in the first and
    once in all in the second."""
    resident = proportional = 0
    for root in pids:
        for process in _family(root):
            try:
                resident += process.memory_info().rss
                proportional += process.memory_full_info().pss
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
    return resident / 2**20, proportional / 2**20


def _family(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
