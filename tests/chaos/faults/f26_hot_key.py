"""F26: one lead gets nine of ten events. What the others wait is held against the same flood spread over many leads."""

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from statistics import quantiles
from typing import Any, ClassVar

import orjson

from shared.contracts.topics import INBOUND, ROUTED
from tests.chaos.crowd import cold_of, leads_of
from tests.chaos.fault import Fault, World
from tests.chaos.people import Submission
from tests.chaos.raw import ends_of, records_from
from tests.support.topics import produce

_QUIET_S = 3.0
_SLICE = 250
# One lead may cost the others this much more than as many events of as many leads.
_AT_MOST = 2.0
# People sent last, who come over every partition: when they are through, so is everybody before them.
_LAST = 32
# So few others that ten times as many are no overload: what is looked for is the cost of the one lead.
_RATE = 30.0


class HotKey(Fault):
    name: ClassVar = "F26"
    title: ClassVar = "one source floods one lead with 9 of 10 events"
    promise: ClassVar = "P5, P6"
    short: ClassVar = 3_000
    full: ClassVar = 30_000

    def must(self, amount: float) -> Mapping[str, float]:
        return {
            "flood": amount,
            "others": 100,
            "others p99 ms before": 1,
            "others p99 ms spread": 1,
            "others p99 ms flooded": 1,
        }

    async def inject(self, world: World, amount: float) -> None:
        self._rate, world.pipeline.feed.rate = world.pipeline.feed.rate, _RATE
        name, crowd, lead = (f"{what}-{world.token}" for what in ("quiet", "crowd", "lead"))
        before = await _waits(world, name, 0, lambda n: cold_of(name, n))
        spread = await _waits(world, crowd, int(amount), lambda n: cold_of(crowd, n))
        during = await _waits(world, lead, int(amount), lambda n: cold_of(lead, 0, n))
        world.count("flood", int(amount))
        world.count("others", len(during))
        for what, waits in (("before", before), ("spread", spread), ("flooded", during)):
            world.count(f"others p99 ms {what}", int(_p99(waits)))
        world.count("ratio %", int(100 * _p99(during) / _p99(before)))
        world.require(
            _p99(during) <= _AT_MOST * max(_p99(spread), _p99(before)),
            "one lead's flood costs the others no more than twice what the same flood of many leads costs them",
        )

    async def recover(self, world: World) -> None:
        world.pipeline.feed.rate = self._rate


async def _waits(world: World, name: str, amount: int, flood: Callable[[int], Submission]) -> list[float]:
    """Milliseconds from received to routed of everybody who was not sent here, while nine times as much is sent."""
    starts = await ends_of(world.servers, ROUTED)
    began = time.time()
    if amount:
        await _send(world, amount, flood)
    else:
        await world.wait(_QUIET_S)
    ended = time.time()
    last = [cold_of(f"{name}-last", n) for n in range(_LAST)]
    for each in last:
        world.pipeline.feed.send(each)
    await leads_of(world, [each.person for each in last if each.person], ROUTED)
    found = [_wait_of(record, name) for record in await records_from(world.servers, starts)]
    return [wait for received, wait in filter(None, found) if began <= received <= ended]


async def _send(world: World, amount: int, flood: Callable[[int], Submission]) -> None:
    """Nine times as many as the others send, from another source, under one key."""
    feed = world.pipeline.feed
    pause = _SLICE / (9 * (feed.rate + feed.http_rate))
    for start in range(0, amount, _SLICE):
        due = time.monotonic() + pause
        made = [flood(n) for n in range(start, min(start + _SLICE, amount))]
        records = [(b"hot", each.body, [("ce_source", b"partner"), ("ce_id", each.event_id.encode())]) for each in made]
        await produce(world.servers, INBOUND, records)
        for each in made:
            feed.sent.acknowledged(each)
        await world.wait(max(0.0, due - time.monotonic()))


def _wait_of(record: Any, without: str) -> tuple[float, float] | None:
    """When a submission was received (seconds) and how long it took to be routed (ms); None for those sent here."""
    data = orjson.loads(record.value)
    if any(without in external_id for external_id in data["lead"]["external_ids"]):
        return None
    received = datetime.fromisoformat(data["origin"]["received_at"]).timestamp()
    return received, record.timestamp - received * 1000


def _p99(waits: list[float]) -> float:
    return quantiles(waits, n=100)[98] if len(waits) > 1 else 0.0


FAULTS = [HotKey()]
