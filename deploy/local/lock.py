"""One owner a home: whoever holds the lock file started the stack, and nobody else may."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path

from deploy.local.errors import AlreadyRunning
from deploy.local.home import Home, read_json


@dataclass(frozen=True)
class Holder:
    """Who owns the stack: `supervisor` (make up) or what else says so, for instance `demo`."""

    pid: int
    kind: str


class HomeLock:
    """Held until released or until the process ends, however it ends. Children do not inherit it."""

    def __init__(self, home: Home, handle: int) -> None:
        self._home = home
        self._handle = handle

    def release(self) -> None:
        os.close(self._handle)


def take_lock(home: Home, kind: str) -> HomeLock:
    """Become the owner. Raises AlreadyRunning when another process is."""
    handle = os.open(home.lock_file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        found = _written(home.lock_file)
        raise AlreadyRunning(
            found.pid if found else None,
            found.kind if found else "another process",
            home.root,
        ) from None
    os.ftruncate(handle, 0)
    os.pwrite(handle, json.dumps({"pid": os.getpid(), "kind": kind}).encode(), 0)
    return HomeLock(home, handle)


def holder(home: Home) -> Holder | None:
    """Who owns the stack now; None when nobody does."""
    try:
        handle = os.open(home.lock_file, os.O_RDWR)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _written(home.lock_file)
    finally:
        os.close(handle)
    return None


def _written(path: Path) -> Holder | None:
    row = read_json(path)
    return Holder(int(row["pid"]), str(row["kind"])) if {"pid", "kind"} <= row.keys() else None
