"""A log on a full disk: lines are lost and counted, nothing is raised, and the next line is written when there is room."""

import errno
import io
from typing import Any

import pytest
import structlog
from prometheus_client import REGISTRY

from shared.observability import logging as our_logging
from shared.observability.log_stream import SteadyStream


class Disk(io.StringIO):
    """A disk that can be full, for writing or only when it is written out."""

    full_at: str | None = None

    def write(self, text: str, /) -> int:
        self._refuse("write")
        return super().write(text)

    def flush(self) -> None:
        self._refuse("flush")

    def _refuse(self, step: str) -> None:
        if self.full_at == step:
            raise OSError(errno.ENOSPC, "No space left on device")


def lost() -> float:
    return REGISTRY.get_sample_value("log_lines_lost_total") or 0.0


@pytest.mark.parametrize("step", ["write", "flush"])
def test_a_line_that_cannot_be_written_is_lost_and_counted_once(step: str) -> None:
    disk, before = Disk(), lost()
    stream: Any = SteadyStream(disk)
    disk.full_at = step
    print("lost", file=stream, flush=True)
    assert lost() == before + 1
    disk.full_at = None
    print("written", file=stream, flush=True)
    assert disk.getvalue().endswith("written\n") and lost() == before + 1


def test_services_log_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    disk, before = Disk(), lost()
    monkeypatch.setattr("sys.stdout", disk)
    configured = structlog.get_config()
    try:
        our_logging.configure("scoring", "1", 0)
        disk.full_at = "write"
        structlog.get_logger("test").warning("started")
        disk.full_at = None
        structlog.get_logger("test").warning("stopping")
    finally:
        structlog.configure(**configured)
        structlog.contextvars.clear_contextvars()
    assert lost() == before + 1
    assert '"event": "stopping"' in disk.getvalue() and "started" not in disk.getvalue()
