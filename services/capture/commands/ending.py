"""How commands end, and how they speak: exit codes, JSON for scripts, a progress bar on a terminal."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NoReturn, Protocol

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

FOUND_WRONG: Final = 1
MISUSED: Final = 2
NOT_THERE: Final = 3


class Shown(Protocol):
    """Shows how far something is."""

    def __call__(self, done: int, note: str) -> None:
        """`done` of the total that was announced, and a few words."""


def end(code: int, message: str) -> NoReturn:
    """End the command with a message on the error stream."""
    typer.echo(message, err=True)
    raise typer.Exit(code)


def needed(variable: str) -> str:
    """A variable of the environment, or the end."""
    value = os.environ.get(variable)
    if not value:
        end(NOT_THERE, f"{variable} is not set; `make up` writes it to .leadstream/env")
    return value


def print_json(value: Any) -> None:
    """One JSON document, for scripts."""
    typer.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


@contextmanager
def progress_of(what: str, total: int | None, *, quiet: bool) -> Iterator[Shown]:
    """A bar on a terminal, a line every ten steps elsewhere, nothing for scripts."""
    if quiet:
        yield lambda done, note: None
    elif sys.stderr.isatty():
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(what, total=total, note="")
            yield lambda done, note: bar.update(task, completed=done, note=note)
    else:
        yield _lines(what)


def _lines(what: str) -> Shown:
    said = 0

    def show(done: int, note: str) -> None:
        nonlocal said
        said += 1
        if said % 10 == 1:
            typer.echo(f"{what}: {note}", err=True)

    return show
