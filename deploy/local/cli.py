"""`leadstream stack …` and `leadstream services …`."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from deploy.local.control import ask
from deploy.local.errors import (
    AlreadyRunning,
    MissingPart,
    NotRunning,
    StackError,
    tail_of,
)
from deploy.local.home import Home, home_from
from deploy.local.lock import holder
from deploy.local.postgres import remove_place
from deploy.local.services import HOPELESS_ENDS, READY_SECONDS, SERVICES
from deploy.local.supervisor import start_detached, status_of, stop_detached

WRONG, USAGE, MISSING = 1, 2, 3

stack_app = typer.Typer(help="Kafka, PostgreSQL and Valkey on this machine.", no_args_is_help=True)
services_app = typer.Typer(help="The five services as processes on this machine.", no_args_is_help=True)

HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home",
        help="Folder whose .leadstream/ is used. Default: LEADSTREAM_HOME, else the checkout.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="For scripts.")]
ServiceArgument = Annotated[str, typer.Argument(help=f"One of {', '.join(SERVICES)}.")]


@contextmanager
def explained() -> Iterator[None]:
    """Turn what went wrong into a message on stderr and an exit code."""
    try:
        yield
    except (MissingPart, NotRunning) as error:
        _fail(error, MISSING)
    except StackError as error:
        _fail(error, WRONG)
    except ValueError as error:
        _fail(error, USAGE)


def _fail(error: Exception, code: int) -> None:
    typer.echo(str(error), err=True)
    raise typer.Exit(code)


def say(line: str) -> None:
    typer.echo(line)


def unsaid(_line: str) -> None:
    """For scripts, which get one document at the end."""


@stack_app.command("up", epilog="Example: leadstream stack up")
def stack_up(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Start the servers in the background; they stay until `stack down`. Writes .leadstream/env."""
    with explained():
        place = home_from(os.environ, home)
        pid = start_detached(place, unsaid if as_json else say)
        if as_json:
            return say(json.dumps({"supervisor_pid": pid, "env": str(place.env_file)}))
        say(f"stack is up (supervisor pid {pid}); addresses in {place.env_file}")


@stack_app.command("down", epilog="Example: leadstream stack down")
def stack_down(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Stop services and servers; data are kept."""
    with explained():
        stopped = stop_detached(home_from(os.environ, home))
        if as_json:
            return say(json.dumps({"stopped": bool(stopped)}))
        say("stopped" if stopped else "nothing was running")


@stack_app.command("status", epilog="Example: leadstream stack status --json")
def stack_status(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """How the servers are. Exit code 1 when one is not running, 3 when there is no stack."""
    with explained():
        rows = status_of(home_from(os.environ, home))["servers"]
        _show(rows, as_json, ("name", "state", "pid", "port", "memory", "restarts"))
        if any(row["state"] not in {"running", "external"} for row in rows):
            raise typer.Exit(WRONG)


@stack_app.command("logs", epilog="Example: leadstream stack logs kafka --lines 50")
def stack_logs(
    name: Annotated[
        str | None,
        typer.Argument(help="kafka, postgres, valkey, supervisor, capture-0, … Default: all."),
    ] = None,
    lines: Annotated[int, typer.Option(help="How many from the end.")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """The end of the logs."""
    with explained():
        logs = _logs(home_from(os.environ, home), name)
        if as_json:
            if follow:
                raise ValueError("--json shows what is there; --follow is for people")
            return say(json.dumps([{"log": str(log), "lines": tail_of(log, lines)} for log in logs]))
        for log in logs:
            say(f"==> {log}") if len(logs) > 1 else None
            say("\n".join(tail_of(log, lines)))
        if follow:
            _follow(logs)


@stack_app.command("clean", epilog="Example: leadstream stack clean --yes")
def stack_clean(
    home: HomeOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove all data, logs and keys of this home. Refuses while the stack is up."""
    with explained():
        place = home_from(os.environ, home)
        found = holder(place)
        if found:
            raise AlreadyRunning(found.pid, found.kind, place.root)
        if not place.data.exists():
            return say(json.dumps({"removed": None}) if as_json else "nothing to remove")
        if not yes and not typer.confirm(f"Remove {place.data} with everything in it?"):
            raise typer.Exit(WRONG)
        remove_place(place)
        shutil.rmtree(place.data)
        say(json.dumps({"removed": str(place.data)}) if as_json else f"removed {place.data}")


@services_app.command("up", epilog="Example: leadstream services up")
def services_up(
    home: HomeOption = None,
    deadline: Annotated[float, typer.Option(help="Seconds to wait.")] = READY_SECONDS,
    as_json: JsonOption = False,
) -> None:
    """Start the services and wait until every one is ready. Needs the stack (`stack up`)."""
    with explained():
        place = home_from(os.environ, home)
        ask(place, "services/up")
        _until_ready(place, deadline, as_json)


@services_app.command("down", epilog="Example: leadstream services down")
def services_down(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Stop the services; the servers stay."""
    with explained():
        ask(home_from(os.environ, home), "services/down")
        say(json.dumps({"stopped": True}) if as_json else "services stopped")


@services_app.command("scale", epilog="Example: leadstream services scale scoring 2")
def services_scale(
    name: ServiceArgument,
    replicas: Annotated[int, typer.Argument(min=0, help="How many processes.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run N processes of a service. Replica 0 has the published port, the others their own."""
    with explained():
        place = home_from(os.environ, home)
        ask(place, "services/scale", service=_service(name), replicas=replicas)
        _until_ready(place, READY_SECONDS, as_json)


@services_app.command("restart", epilog="Example: leadstream services restart routing")
def services_restart(name: ServiceArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Stop and start a service, one process after the other."""
    with explained():
        place = home_from(os.environ, home)
        ask(place, "services/restart", service=_service(name))
        _until_ready(place, READY_SECONDS, as_json)


@services_app.command("status", epilog="Example: leadstream services status --json")
def services_status(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """How each process of each service is. Exit code 1 when one is not ready."""
    with explained():
        rows = ask(home_from(os.environ, home), "services/status")
        _show(
            rows,
            as_json,
            ("service", "replica", "pid", "ready", "lag", "restarts", "port"),
        )
        if not rows or not all(row["ready"] for row in rows):
            raise typer.Exit(WRONG)


def wait_ready(home: Home, deadline: float, report: Callable[[str], None]) -> None:
    """Wait until all services of a detached stack are ready. Raises StackError with the end of the log of one that is not in time."""
    give_up = time.monotonic() + deadline
    told: set[str] = set()
    while True:
        rows = ask(home, "services/status")
        for row in rows:
            name = f"{row['service']}-{row['replica']}"
            if row["ready"] and name not in told:
                told.add(name)
                report(f"{name}: ready on port {row['port']}")
            if not row["ready"] and (row["restarts"] >= HOPELESS_ENDS or time.monotonic() > give_up):
                raise StackError(
                    name,
                    f"is not ready ({row['restarts']} restarts)",
                    log=home.log(name),
                )
        if all(row["ready"] for row in rows):
            return
        time.sleep(0.2)


def _until_ready(home: Home, deadline: float, as_json: bool) -> None:
    """Tells each service that is ready; for scripts all of them, once they are."""
    wait_ready(home, deadline, unsaid if as_json else say)
    if as_json:
        say(json.dumps(ask(home, "services/status")))


def _service(name: str) -> str:
    if name not in SERVICES:
        raise ValueError(f"no service of that name; there are {', '.join(SERVICES)}")
    return name


def _show(rows: list[dict[str, Any]], as_json: bool, columns: tuple[str, ...]) -> None:
    if not rows and not as_json:
        say("nothing runs")
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    console = Console()
    if not console.is_terminal:
        for row in rows:
            say("  ".join(f"{column}={_cell(column, row[column])}" for column in columns))
        return
    table = Table(*columns)
    for row in rows:
        table.add_row(*(_cell(column, row[column]) for column in columns))
    console.print(table)


def _cell(column: str, value: object) -> str:
    if column == "memory" and isinstance(value, int):
        return f"{value / 2**20:.0f} MiB"
    return "-" if value is None else str(value)


def _logs(home: Home, name: str | None) -> list[Path]:
    found = sorted(home.logs.glob("*.log"))
    logs = [log for log in found if name is None or log.stem == name]
    if not logs:
        known = ", ".join(log.stem for log in found)
        raise ValueError(f"no such log; there are {known}" if known else f"no logs in {home.logs}")
    return logs


def _follow(logs: list[Path]) -> None:
    ends = {log: log.stat().st_size for log in logs}
    while True:
        for log, end in ends.items():
            with log.open("rb") as stream:
                stream.seek(end)
                typer.echo(stream.read().decode("utf-8", "replace"), nl=False)
                ends[log] = stream.tell()
        time.sleep(0.3)
