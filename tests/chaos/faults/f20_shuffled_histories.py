"""F20: events of a lead in any order, some twice: what stands in the end is what the newest says.

The same for a thousand seeds, without servers: `tests/property/order/test_shuffled_histories.py`.
"""

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import uuid4

import orjson

from shared.contracts.topics import CAPTURED, ROUTED, SCORED, partition_for
from tests.chaos.fault import Fault, World
from tests.chaos.raw import Copy, copy_of, newest
from tests.support.topics import produce

_VERSIONS = 6
_MARK = b"brochure "
_STANDING = """
    SELECT s.lead_version AS scored, a.lead_version AS routed, l.lead_version AS known
    FROM scoring.lead_scores s JOIN routing.assignments a USING (lead_id) JOIN conversion.leads l USING (lead_id)
    WHERE s.lead_id = ANY($1::uuid[])
"""


class ShuffledHistories(Fault):
    name: ClassVar = "F20"
    title: ClassVar = "histories of leads shuffled, records repeated"
    promise: ClassVar = "P4"
    short: ClassVar = 100
    full: ClassVar = 5000

    def must(self, amount: float) -> Mapping[str, float]:
        # Of some the shuffled order is the right one, by chance.
        return {"leads shuffled": amount, "older after newer": amount * 0.98, "standing at the newest": amount}

    async def inject(self, world: World, amount: float) -> None:
        template = await self._template(world)
        leads = [str(uuid4()) for _ in range(int(amount))]
        copies = [(lead, n, _version(template, lead, n)) for lead in leads for n in range(1, _VERSIONS + 1)]
        copies += world.rng.choices(copies, k=len(leads))
        world.rng.shuffle(copies)
        await self._send(world, [copy for _, _, copy in copies])
        world.count("leads shuffled", len(leads))
        world.count("older after newer", _inversions([(lead, n) for lead, n, _ in copies]))
        await self._at_the_newest(world, leads)

    async def _template(self, world: World) -> Any:
        """What capture published of a private person's first event."""

        async def found() -> Any:
            records = await newest(world.servers, CAPTURED)
            return next((r for r in records if _MARK in r.value and b'"lead_version":1,' in r.value), None)

        return await world.until(found, "a lead is captured")

    async def _send(self, world: World, copies: list[Copy]) -> None:
        """In this order, each lead in its own partition."""
        by_partition: dict[int, list[Copy]] = {}
        for copy in copies:
            by_partition.setdefault(partition_for(copy[0], world.servers.spine_partitions), []).append(copy)
        for partition, records in by_partition.items():
            await produce(world.servers, CAPTURED, records, partition=partition)

    async def _at_the_newest(self, world: World, leads: list[str]) -> None:
        async def standing() -> bool:
            rows = await world.sql(_STANDING, leads)
            return len(rows) == len(leads) and all(set(row.values()) == {_VERSIONS} for row in rows)

        await world.until(standing, "every lead stands at its newest version, everywhere", 60)
        evidence = await world.pipeline.reader.catch_up()
        ours = set(leads)
        for topic in (SCORED, ROUTED):
            last = [evidence.versions[topic][lead][0] for lead in leads]
            world.require(set(last) == {_VERSIONS}, f"{topic} did not end with the newest version")
        world.count("standing at the newest", len(leads))
        # What was put onto capture's topic twice and out of order is no promise of capture's that was broken.
        evidence.repeated[CAPTURED] -= len(leads)
        evidence.backwards[:] = [
            said
            for said in evidence.backwards
            if not (said.startswith(CAPTURED) and said.split()[1].rstrip(":") in ours)
        ]


def _version(template: Any, lead: str, n: int) -> Copy:
    """The lead's `n`-th version: of a person and a record of its own, and of nobody's submission."""
    (own_id, *_) = orjson.loads(template.value)["lead"]["external_ids"]
    person = own_id.partition(":")[2].encode()
    replaced = [
        (person, b"%s-%s" % (person, lead.encode())),
        (b'"lead_version":1,', b'"lead_version":%d,' % n),
        (b'"inbound":', b'"was_inbound":'),
        (_MARK, b"%d. " % n),
    ]
    return copy_of(template, lead, replaced)


def _inversions(history: list[tuple[str, int]]) -> int:
    """How many leads have an older version behind a newer one."""
    highest: dict[str, int] = {}
    inverted = set()
    for lead, n in history:
        if n < highest.get(lead, 0):
            inverted.add(lead)
        highest[lead] = max(n, highest.get(lead, 0))
    return len(inverted)


FAULTS = [ShuffledHistories()]
