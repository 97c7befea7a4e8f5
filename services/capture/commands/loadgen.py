"""`leadstream loadgen`: leads of people who do not exist, at a steady rate, as a source would send them."""

import asyncio
import os
import re
import signal
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

import httpx
import orjson
import typer

from services.capture.commands.ending import (
    FOUND_WRONG,
    MISUSED,
    NOT_THERE,
    Shown,
    end,
    needed,
    print_json,
    progress_of,
)
from services.capture.commands.made_up import made_up_leads
from shared.contracts import ids

_TICK_S: Final = 0.1
_LINES: Final = 1_000
_AT_ONCE: Final = 16
_TIMEOUT_S: Final = 30.0
_GIVE_UP_S: Final = 60.0
_TRY_AGAIN: Final = frozenset({429, 502, 503, 504})
_SPAN: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(s|m|h)?")
_SECONDS: Final = {None: 1, "s": 1, "m": 60, "h": 3600}
_LONGEST_S: Final = 86_400.0


def seconds_of(span: str) -> float:
    """`90`, `90s`, `5m`, `1h`. Raises ValueError for what is no span of up to a day."""
    found = _SPAN.fullmatch(span.strip())
    seconds = float(found[1]) * _SECONDS[found[2]] if found else 0.0
    if not 0 < seconds <= _LONGEST_S:
        raise ValueError(span)
    return seconds


@dataclass
class Tally:
    """What became of a load. Latencies are seconds from when a batch was due until it was taken."""

    due: int = 0
    accepted: int = 0
    rejected: int = 0
    given_up: int = 0
    tried_again: int = 0
    latencies: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """For scripts, and for people."""
        ordered = sorted(self.latencies)
        p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] if ordered else 0.0
        p50 = statistics.median(ordered) if ordered else 0.0
        milliseconds = {"p50": p50, "p99": p99, "longest": ordered[-1] if ordered else 0.0}
        return {
            "due": self.due,
            "accepted": self.accepted,
            "rejected": self.rejected,
            "given_up": self.given_up,
            "tried_again": self.tried_again,
            "seconds": round(self.seconds, 1),
            "accepted_per_s": round(self.accepted / self.seconds, 1) if self.seconds else 0.0,
            "latency_ms": {name: round(value * 1000) for name, value in milliseconds.items()},
        }


class Load:
    """An open loop: what is due is sent when it is due, whatever became of what was sent before, while sixteen requests at the
    most are under way."""

    def __init__(self, client: httpx.AsyncClient, leads: Iterator[dict[str, Any]], rate: float, shown: Shown) -> None:
        self.tally = Tally()
        self.stopping = asyncio.Event()
        self._client, self._leads, self._rate, self._shown = client, leads, rate, shown
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._under_way: set[asyncio.Task[None]] = set()
        self._ends = 0.0

    async def run(self, seconds: float) -> Tally:
        """Send for so long, then wait for what is under way."""
        began = time.monotonic()
        self._ends = began + seconds
        while (now := time.monotonic()) < self._ends and not self.stopping.is_set():
            await self._send_due(int((now - began) * self._rate) + 1)
            self._shown(round(now - began), f"{self.tally.accepted} of {self.tally.due} taken")
            await asyncio.sleep(_TICK_S)
        await asyncio.gather(*self._under_way)
        self.tally.seconds = time.monotonic() - began
        return self.tally

    async def _send_due(self, until: int) -> None:
        due_at = time.monotonic()
        while (count := min(_LINES, until - self.tally.due)) > 0:
            self.tally.due += count
            body = b"\n".join(orjson.dumps(lead) for lead in islice(self._leads, count))
            await self._room.acquire()
            task = asyncio.create_task(self._send(body, count, due_at))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _send(self, body: bytes, count: int, due_at: float) -> None:
        """One batch, again under its key where capture cannot take it now."""
        headers = {"Content-Type": "application/x-ndjson", "Idempotency-Key": ids.new_id()}
        try:
            while (answer := await self._once(body, headers)) is None:
                if time.monotonic() > self._ends + _GIVE_UP_S:
                    self.tally.given_up += count
                    return
                self.tally.tried_again += 1
            if answer.is_success:
                said = answer.json()
                self.tally.accepted += said["accepted"]
                self.tally.rejected += len(said["rejected"])
                self.tally.latencies.append(time.monotonic() - due_at)
            else:
                self.tally.given_up += count
        finally:
            self._room.release()

    async def _once(self, body: bytes, headers: dict[str, str]) -> httpx.Response | None:
        """The answer; None, after a pause, where it is to be sent again."""
        try:
            answer = await self._client.post("/v1/leads/batch", content=body, headers=headers)
        except httpx.TransportError:
            await asyncio.sleep(1.0)
            return None
        if answer.status_code not in _TRY_AGAIN:
            return answer
        await asyncio.sleep(float(answer.headers.get("retry-after", "1")))
        return None


def loadgen(rate: float, span: str, source: str, seed: int, *, as_json: bool) -> None:
    """Send, and say what became of it. Ends with 1 where not all was taken."""
    try:
        seconds = seconds_of(span)
    except ValueError:
        end(MISUSED, "--for is a time such as 30s, 5m or 1h, up to a day")
    url, key = (
        needed("LEADSTREAM_CAPTURE_URL"),
        os.environ.get("LEADSTREAM_SOURCE_KEY") or needed("LEADSTREAM_ADMIN_KEY"),
    )
    with progress_of("loadgen", round(seconds), quiet=as_json) as shown:
        tally = asyncio.run(
            _sent(url, key, source, made_up_leads(seed, f"load{ids.new_id()[:8]}"), rate, seconds, shown)
        )
    said = tally.as_dict()
    if as_json:
        print_json(said)
    else:
        typer.echo("\n".join(f"{name.replace('_', ' '):<15} {value}" for name, value in said.items()))
    if tally.accepted < tally.due:
        raise typer.Exit(FOUND_WRONG)


async def _sent(
    url: str, key: str, source: str, leads: Iterator[dict[str, Any]], rate: float, seconds: float, shown: Shown
) -> Tally:
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(
        base_url=url, headers=headers, params={"source": source}, timeout=_TIMEOUT_S
    ) as client:
        await _require_capture(client)
        load = Load(client, leads, rate, shown)
        asyncio.get_running_loop().add_signal_handler(
            signal.SIGINT, load.stopping.set
        )  # what is under way is waited for
        return await load.run(seconds)


async def _require_capture(client: httpx.AsyncClient) -> None:
    try:
        await client.get("/health/live")
    except httpx.TransportError as error:
        end(NOT_THERE, f"capture does not answer at {client.base_url} ({type(error).__name__}): `make up`")
