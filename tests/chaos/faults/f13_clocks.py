"""F13: the clock of a service is an hour ahead, steps back to an hour behind under load, and is set right again.

What is the newest is decided by versions and offsets, so the oracle must find nothing; and timers go by that clock, once
each: what was fired early is not fired again by a clock that was set back.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import ClassVar
from uuid import uuid4

import httpx

from shared.contracts import ids
from shared.contracts.commands.scoring import TurnScore
from shared.contracts.topics import SCORING_COMMANDS, SERVICES
from tests.benchmark.environments import NotAvailable
from tests.chaos.fault import Fault, NotRun, World
from tests.chaos.raw import ends_of, records_from
from tests.chaos.skewed_clock import SkewedClock
from tests.support import http

_HOUR_S = 3600
_EXACT_S = 60
_TIMERS = 50
_WITH_TIMERS = "scoring"
_SET = """
    INSERT INTO scoring.timers (timer_id, generation, kind, subject, due_at, payload)
    SELECT id, nextval('scoring.timer_generations'), $2, id, $3, jsonb_build_object('lead_id', id)
    FROM unnest($1::uuid[]) AS u (id) RETURNING timer_id::text, generation
"""
_LEFT = "SELECT count(*) AS n FROM scoring.timers WHERE timer_id = ANY($1::uuid[])"


class SkewedClocks(Fault):
    """The amount is the seconds of load at each wrong time, of each service that has it."""

    name: ClassVar = "F13"
    title: ClassVar = "clock an hour ahead, stepped back to an hour behind, set right"
    promise: ClassVar = "P3, P4, P9"
    short: ClassVar = 4
    full: ClassVar = 60
    limit_s: ClassVar = 300.0
    _victims: Sequence[str] = ()

    def must(self, amount: float) -> Mapping[str, float]:
        return {
            "clocks ahead": 2,
            "clocks stepped back": 2,
            "clocks set right": 2,
            "leads at wrong times": 50 * amount,
            "timers fired early": _TIMERS,
            "timers held back": _TIMERS,
            "timers fired once": 2 * _TIMERS,
        }

    async def inject(self, world: World, amount: float) -> None:
        self._victims = ()
        clock = SkewedClock(world.fleet.clock)
        try:
            skewed = await asyncio.to_thread(clock.environment)
        except NotAvailable as error:
            raise NotRun(str(error)) from error
        self._victims = SERVICES if world.full else ("capture", _WITH_TIMERS)
        for victim in self._victims:
            clock.shift(_HOUR_S)
            await world.fleet.stop(victim)
            world.fleet.launch(victim, **skewed)
            await world.fleet.ready(within=120)
            await self._wrong_times(world, clock, victim, amount)

    async def _wrong_times(self, world: World, clock: SkewedClock, victim: str, amount: float) -> None:
        before = len(world.pipeline.feed.sent.events)
        starts = await ends_of(world.servers, SCORING_COMMANDS)
        timers = victim == _WITH_TIMERS
        await self._shows(world, victim, _HOUR_S, "clocks ahead")
        early = await self._set(world, timedelta(minutes=30)) if timers else {}
        await world.wait(amount)
        if timers:
            await self._fired(world, early)
            world.count("timers fired early", len(early))
        clock.shift(-_HOUR_S)
        await self._shows(world, victim, -_HOUR_S, "clocks stepped back")
        held = await self._set(world, timedelta(minutes=-1)) if timers else {}
        await world.wait(amount)
        if timers:
            world.count("timers held back", await _left(world, held))
        world.count("leads at wrong times", len(world.pipeline.feed.sent.events) - before)
        clock.shift(0)
        await self._shows(world, victim, 0, "clocks set right")
        if timers:
            await self._fired(world, held)
            commands = Counter(_id_of(record) for record in await records_from(world.servers, starts))
            world.count("timers fired once", sum(commands[each] == 1 for each in (*early.values(), *held.values())))

    async def _shows(self, world: World, victim: str, ahead: int, counted: str) -> None:
        """Wait until the process itself tells that time."""

        async def shows() -> bool:
            found = await _ahead(world.fleet.processes[victim].url)
            return found is not None and abs(found - ahead) < _EXACT_S

        await world.until(shows, f"the clock of {victim} is {ahead:+d} s wrong", within=60)
        world.count(counted)

    async def _set(self, world: World, due_in: timedelta) -> dict[str, str]:
        """Timers of leads that there are not, so that all that they do is to be done; each with its command's id."""
        subjects, due_at = [str(uuid4()) for _ in range(_TIMERS)], datetime.now(UTC) + due_in
        rows = await world.sql(_SET, subjects, TurnScore.TYPE, due_at)
        return {
            str(row["timer_id"]): ids.derive(ids.COMMANDS, "timer", str(row["timer_id"]), str(row["generation"]))
            for row in rows
        }

    async def _fired(self, world: World, timers: Mapping[str, str]) -> None:
        async def gone() -> bool:
            return await _left(world, timers) == 0

        await world.until(gone, "timers that are due by the service's clock are fired and done", within=90)

    async def recover(self, world: World) -> None:
        for victim in self._victims:
            await world.fleet.stop(victim)
            world.fleet.launch(victim)


async def _left(world: World, timers: Mapping[str, str]) -> int:
    (row,) = await world.sql(_LEFT, list(timers))
    return int(str(row["n"]))


async def _ahead(url: str) -> float | None:
    """By how many seconds a process's clock is ahead, as its answers are dated."""
    try:
        async with http.client(url, timeout=2) as client:
            dated = (await client.get("/health/live")).headers["date"]
    except (httpx.HTTPError, KeyError):
        return None
    return parsedate_to_datetime(dated).timestamp() - time.time()


def _id_of(record: object) -> str:
    headers = dict(record.headers)  # type: ignore[attr-defined]
    return bytes(headers.get("ce_id") or b"").decode()


FAULTS = [SkewedClocks()]
