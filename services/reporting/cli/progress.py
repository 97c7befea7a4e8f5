"""How far something is: a bar with rate and time left on a terminal, a line every other second elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeAlias

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Shown: TypeAlias = Callable[[int], None]
_EVERY_S: Final = 2.0


def rate_of(done: int, seconds: float) -> float:
    """Things a second."""
    return done / seconds if seconds > 0 else 0.0


def line_of(what: str, done: int, total: int, seconds: float) -> str:
    """One line of progress: how many, how fast, how long still."""
    rate = rate_of(done, seconds)
    left = f", {(total - done) / rate:.0f} s left" if rate and done < total else ""
    return f"{what}: {done:,} of {total:,}, {rate:,.1f}/s{left}"


@contextmanager
def progress_of(what: str, total: int, *, quiet: bool = False) -> Iterator[Shown]:
    """Call what it gives with how many are done. Nothing is shown for scripts."""
    if quiet:
        yield lambda _done: None
    elif sys.stderr.isatty():
        with _bar(what, total) as shown:
            yield shown
    else:
        yield _lines(what, total)


@contextmanager
def _bar(what: str, total: int) -> Iterator[Shown]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    began = time.monotonic()
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=total, rate="")
        yield lambda done: bar.update(task, completed=done, rate=f"{rate_of(done, time.monotonic() - began):,.1f}/s")


def _lines(what: str, total: int) -> Shown:
    began = said = time.monotonic()

    def show(done: int) -> None:
        nonlocal said
        now = time.monotonic()
        if done >= total or now - said >= _EVERY_S:
            said = now
            typer.echo(line_of(what, done, total, now - began), err=True)

    return show
