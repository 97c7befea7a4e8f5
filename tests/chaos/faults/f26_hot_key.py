"""F26: one lead gets nine of ten events. Each lead's order holds; what the others wait is measured and shown."""

from collections.abc import Mapping
from datetime import datetime
from statistics import quantiles
from typing import Any, ClassVar

import orjson

from shared.contracts.topics import INBOUND, ROUTED
from tests.chaos.crowd import cold_of, lead_of
from tests.chaos.fault import Fault, World
from tests.chaos.raw import ends_of, records_from
from tests.support.topics import produce

_QUIET_S = 3.0
_SLICE = 250


class HotKey(Fault):
    name: ClassVar = "F26"
    title: ClassVar = "one source floods one lead with 9 of 10 events"
    promise: ClassVar = "P5, P6"
    short: ClassVar = 5_000
    full: ClassVar = 50_000

    def must(self, amount: float) -> Mapping[str, float]:
        return {"flood": amount, "others": 200, "others p99 ms before": 1, "others p99 ms flooded": 1}

    async def inject(self, world: World, amount: float) -> None:
        name = f"flood-{world.token}"
        world.pipeline.feed.send(cold_of(name, 0))
        lead = await lead_of(world, f"{name}-0", ROUTED)
        quiet = await ends_of(world.servers, ROUTED)
        await world.wait(_QUIET_S)
        before = _p99(await records_from(world.servers, quiet), lead)
        flooded = await ends_of(world.servers, ROUTED)
        await self._flood(world, name, int(amount))
        records = await records_from(world.servers, flooded)
        during = _p99(records, lead)
        world.count("others", sum(record.key.decode() != lead for record in records))
        world.count("others p99 ms before", int(before))
        world.count("others p99 ms flooded", int(during))
        world.count("ratio %", int(100 * during / before))

    async def _flood(self, world: World, name: str, amount: int) -> None:
        """Nine times as many as the others send, from another source, to one lead."""
        pause = _SLICE / (9 * (world.pipeline.feed.rate + world.pipeline.feed.http_rate))
        for start in range(0, amount, _SLICE):
            made = [cold_of(name, 0, 1 + n) for n in range(start, min(start + _SLICE, amount))]
            records = [
                (b"hot", each.body, [("ce_source", b"partner"), ("ce_id", each.event_id.encode())]) for each in made
            ]
            await produce(world.servers, INBOUND, records)
            world.count("flood", len(records))
            await world.wait(pause)


def _p99(records: list[Any], without: str) -> float:
    """Milliseconds from received to routed, of everybody else's leads."""
    waits = []
    for record in records:
        if record.key.decode() != without:
            received = datetime.fromisoformat(orjson.loads(record.value)["origin"]["received_at"])
            waits.append(record.timestamp - received.timestamp() * 1000)
    return quantiles(waits, n=100)[98] if len(waits) > 1 else 0.0


FAULTS = [HotKey()]
