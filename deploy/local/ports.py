"""Ports of the local stack: free when chosen, written down, and the same again next time when they still are."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Iterable
from pathlib import Path

import psutil

from deploy.local.errors import StackError
from deploy.local.home import read_json, write_json

LOOPBACK = "127.0.0.1"
# Below the range from which systems take the ports of outgoing connections (32768 on Linux, 49152 on macOS).
LOWEST, HIGHEST = 20_000, 29_999
_TRIES = 500


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def choose_port(taken: Iterable[int], *, free: Callable[[int], bool] = is_free) -> int:
    """A port that is free and in nobody's book. Raises StackError when 500 tries found none."""
    avoid = set(taken)
    numbers = random.SystemRandom()
    for _ in range(_TRIES):
        port = numbers.randint(LOWEST, HIGHEST)
        if port not in avoid and free(port):
            return port
    raise StackError("ports", f"found no free port between {LOWEST} and {HIGHEST}")


class PortBook:
    """Who has which port in one home."""

    def __init__(self, path: Path, *, free: Callable[[int], bool] = is_free) -> None:
        self._path = path
        self._free = free

    def known(self) -> dict[str, int]:
        return {name: port for name, port in read_json(self._path).items() if isinstance(port, int)}

    def take(self, name: str) -> int:
        """The port of `name`: the one written down if it is free, else a new one, written down."""
        book = self.known()
        port = book.get(name)
        if port is not None and self._free(port):
            return port
        return self._write(book, name)

    def replace(self, name: str) -> int:
        """A new port for `name`, because something else listens on the old one."""
        return self._write(self.known(), name)

    def _write(self, book: dict[str, int], name: str) -> int:
        book[name] = choose_port(book.values(), free=self._free)
        write_json(self._path, book)
        return book[name]


def listens(pid: int, port: int) -> bool:
    """Whether process `pid` itself, or a child of it, listens on `port`: the server that answers there is ours."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return False
    return any(port in _listening_ports(member) for member in family)


def _listening_ports(process: psutil.Process) -> set[int]:
    try:
        connections = process.net_connections(kind="tcp")
    except psutil.Error:
        return set()
    return {found.laddr.port for found in connections if found.status == psutil.CONN_LISTEN}
