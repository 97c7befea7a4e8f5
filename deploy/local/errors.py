"""What can go wrong when the local stack is started, said so that a person can act on it."""

from __future__ import annotations

from pathlib import Path

TAIL_LINES = 25
_TAIL_BYTES = 64 * 1024


class StackError(Exception):
    """A part of the stack could not be started or kept: which one, what happened, and the end of its log."""

    def __init__(
        self,
        component: str,
        happened: str,
        *,
        log: Path | None = None,
        advice: str | None = None,
    ) -> None:
        self.component = component
        self.happened = happened
        self.log = log
        self.advice = advice
        self.tail = tail_of(log) if log else []
        super().__init__(self._text())

    def _text(self) -> str:
        lines = [f"{self.component}: {self.happened}"]
        if self.advice:
            lines.append(f"  what to do: {self.advice}")
        if self.log:
            lines.append(f"  log: {self.log}")
        if self.tail:
            lines.append(f"  its last {len(self.tail)} lines:")
            lines += [f"    {line}" for line in self.tail]
        return "\n".join(lines)


class MissingPart(StackError):
    """Something that the stack needs is not installed or cannot be fetched (exit code 3)."""


class AlreadyRunning(StackError):
    """Another process owns the stack of this home."""

    def __init__(self, pid: int | None, kind: str, home: Path) -> None:
        self.pid = pid
        self.kind = kind
        stop = "make down" if kind == "supervisor" else "wait for it, or end it with Ctrl-C"
        super().__init__(
            "stack",
            f"already running ({kind}), pid {pid or 'unknown'}, home {home}",
            advice=f"use {stop} to stop it",
        )


class NotRunning(StackError):
    """A command that needs a running stack found none."""

    def __init__(self, home: Path) -> None:
        super().__init__(
            "stack",
            f"not running for home {home}",
            advice="start it with make up (or leadstream stack up)",
        )


def tail_of(log: Path, lines: int = TAIL_LINES) -> list[str]:
    """The last lines of a log, without reading more than its end; empty when there is none."""
    try:
        with log.open("rb") as stream:
            stream.seek(0, 2)
            stream.seek(max(0, stream.tell() - _TAIL_BYTES))
            text = stream.read().decode("utf-8", "replace")
    except OSError:
        return []
    return text.splitlines()[-lines:]
