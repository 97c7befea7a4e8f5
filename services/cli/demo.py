"""`leadstream demo`: example leads of three sources through five processes on real servers, explained, and cleared away."""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import typer
from aiokafka import AIOKafkaProducer
from rich.console import Console

from deploy.local.errors import MissingPart, StackError
from deploy.local.home import CHECKOUT, Home, home_from
from deploy.local.lock import holder
from deploy.local.services import ServiceFleet
from deploy.local.stack import Stack
from shared.contracts.topics import INBOUND

EXAMPLES: Final = CHECKOUT / "examples"
WRONG, MISSING = 1, 3
_THROUGH_S: Final = 90.0


def demo(
    keep: bool = typer.Option(False, "--keep", help="Keep the demo's data folder."),
    as_json: bool = typer.Option(
        False, "--json", help="For scripts: the ledger's sums; what is told on the way goes to the error stream."
    ),
) -> None:
    """Start everything, send a few hundred example leads, show what became of them, check the ledger, stop everything.

    Exit code 0 when every lead is accounted for. Beside a running stack it uses a folder of its own.
    """
    console = Console(stderr=as_json)
    try:
        with _home(console, keep) as home:
            totals = _run(console, home)
        if as_json:
            typer.echo(json.dumps(totals))
    except MissingPart as error:
        _end(str(error), MISSING)
    except (StackError, DemoFailed) as error:
        _end(str(error), WRONG)
    except KeyboardInterrupt:
        _end("interrupted; everything is stopped", 130)


class DemoFailed(Exception):
    """Something did not come out as it must."""


@contextmanager
def _home(console: Console, keep: bool) -> Iterator[Home]:
    """The checkout's own folder, or a temporary one where that is in use or keeps somebody's leads."""
    own = home_from(os.environ)
    if not own.data.exists() and holder(own) is None and keep:
        yield own
        return
    with tempfile.TemporaryDirectory(prefix="leadstream-demo-", ignore_cleanup_errors=True) as folder:
        if holder(own) is not None:
            console.print("a stack is running here: the demo uses its own, in a temporary folder")
        yield Home(Path(folder))


def _run(console: Console, home: Home) -> Counter[str]:
    """The ledger's sums, once every lead is through."""
    began = time.monotonic()
    environ = {name: value for name, value in os.environ.items() if not name.startswith("LEADSTREAM_")}
    with Stack(home, environ=environ, kind="demo", report=console.print) as stack:
        console.print(f"servers are up after {time.monotonic() - began:.1f} s")
        env = {**environ, **stack.env(), "LEADSTREAM_HOME": str(home.root)}
        _leadstream(console, env, "migrate")
        _leadstream(console, env, "topics", "apply")
        fleet = ServiceFleet(home, stack.owner, env, report=console.print)
        try:
            fleet.up()
            fleet.wait_ready()
            env |= fleet.urls()
            console.print(f"five services are ready after {time.monotonic() - began:.1f} s")
            _stream(console, env, home)
            _show(console, env)
            totals = _totals(env)
        finally:
            fleet.down()
    console.print(f"[bold green]done[/] in {time.monotonic() - began:.1f} s; everything is stopped")
    return totals


def _stream(console: Console, env: Mapping[str, str], home: Home) -> None:
    """Three kinds of sources: HTTP, a file, and straight to Kafka."""
    console.print("sending: web forms over HTTP, a trade-show list as CSV, a partner's feed straight to Kafka")
    _leadstream(console, env, "send", str(EXAMPLES / "web-forms.ndjson"), "--source", "website", allowed=(0, 1))
    listed, rejected = EXAMPLES / "trade-show.csv", home.root / "trade-show.rejected.csv"
    words = ("import", str(listed), "--source", "trade_show", "--rejected", str(rejected))
    _leadstream(console, env, *words, allowed=(0, 1))
    sent = asyncio.run(_partner(env))
    console.print(f"partner: {sent} records written to {INBOUND}")
    _wait_until_through(console, env)


async def _partner(env: Mapping[str, str]) -> int:
    """What a partner's own producer does: no Leadstream code, the documented headers, its own event ids."""
    lines = (EXAMPLES / "partner-feed.ndjson").read_text(encoding="utf-8").splitlines()
    producer = AIOKafkaProducer(bootstrap_servers=env["LEADSTREAM_KAFKA_BOOTSTRAP"], acks="all")
    await producer.start()
    try:
        for line in lines:
            record = json.loads(line)
            await producer.send(
                INBOUND,
                json.dumps(record["lead"]).encode(),
                key=record["lead"]["external_id"].encode(),
                headers=[("ce_source", b"partner"), ("ce_id", record["id"].encode())],
            )
        await producer.flush()
    finally:
        await producer.stop()
    return len(lines)


def _wait_until_through(console: Console, env: Mapping[str, str]) -> None:
    """Until every record has its outcome and every service has caught up; shows the way there."""
    deadline, last = time.monotonic() + _THROUGH_S, ""
    while time.monotonic() < deadline:
        totals = _totals(env)
        line = f"  received {totals['received']}, in flight {totals['in_flight']}"
        if line != last:
            console.print(line)
            last = line
        if totals["received"] and not totals["in_flight"] and _caught_up(env):
            return
        time.sleep(0.3)
    raise DemoFailed(f"the leads were not through after {_THROUGH_S:.0f} s;{last}; logs: `leadstream stack logs`")


def _totals(env: Mapping[str, str]) -> Counter[str]:
    """The ledger's columns, summed over the sources."""
    totals: Counter[str] = Counter()
    for source in _get(env, "REPORTING", "/v1/ledger")["sources"]:
        totals.update({name: count for name, count in source.items() if isinstance(count, int)})
    return totals


def _caught_up(env: Mapping[str, str]) -> bool:
    names = ("CAPTURE", "SCORING", "ROUTING", "CONVERSION", "REPORTING")
    return all(_get(env, name, "/health/ready")["lag"] == 0 for name in names)


def _show(console: Console, env: Mapping[str, str]) -> None:
    """The funnel, five leads explained, the ledger."""
    _leadstream(console, env, "reports", "funnel", "--by", "source", show=True)
    for lead_id in _interesting(env):
        _leadstream(console, env, "leads", "explain", lead_id, show=True)
    _leadstream(console, env, "ledger", "check", show=True)


def _interesting(env: Mapping[str, str]) -> list[str]:
    """Five leads that differ: from the highest score to the lowest."""
    leads = _get(env, "REPORTING", "/v1/leads?limit=200")["leads"]
    ranked = sorted(leads, key=lambda lead: -(lead.get("score") or 0))
    places = [0, len(ranked) // 4, len(ranked) // 2, 3 * len(ranked) // 4, len(ranked) - 1]
    return list(dict.fromkeys(ranked[place]["lead_id"] for place in places)) if ranked else []


def _get(env: Mapping[str, str], service: str, path: str) -> Any:
    response = httpx.get(
        env[f"LEADSTREAM_{service}_URL"] + path,
        headers={"Authorization": f"Bearer {env['LEADSTREAM_ADMIN_KEY']}"},
        timeout=10,
    )
    if response.status_code not in (200, 503):
        raise DemoFailed(f"{service.lower()} answered {response.status_code} to {path.partition('?')[0]}")
    return response.json()


def _leadstream(
    console: Console, env: Mapping[str, str], *arguments: str, show: bool = False, allowed: tuple[int, ...] = (0,)
) -> None:
    """Run the command as a user would; what it says goes where the console's words go."""
    command = [sys.executable, "-P", "-m", "services.cli", *arguments]
    shown = sys.__stderr__ if console.stderr else None
    out, err = (shown, None) if show else (subprocess.PIPE, subprocess.PIPE)
    done = subprocess.run(command, env=dict(env), cwd=CHECKOUT, stdout=out, stderr=err, text=True, check=False)
    if done.returncode not in allowed:
        said = "" if show else (done.stderr or done.stdout)[-2000:]
        raise DemoFailed(f"`leadstream {' '.join(arguments)}` ended with {done.returncode}\n{said}")
    if not show and done.stdout:
        typer.echo("\n".join(f"  {line}" for line in done.stdout.splitlines()[-12:]), file=console.file)


def _end(message: str, code: int) -> None:
    typer.echo(message, err=True)
    raise typer.Exit(code)
