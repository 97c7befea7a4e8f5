"""F28: records of every released version, and what later versions might send, through running services."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import uuid4

from aiokafka import TopicPartition

from shared.contracts.catalog import SUBMISSIONS
from shared.contracts.topics import ROUTED, SCORED, SERVICES, dead_letter_topic
from tests.chaos.aside import aside
from tests.chaos.fault import Fault, World
from tests.chaos.pipeline import Pipeline
from tests.chaos.raw import behind, ends_of, places_of, records_from
from tests.contract.goldens import Golden, all_goldens
from tests.support.topics import produce

_MORE = {"a_later_field": {"deep": [1, "two", None]}}
# Enumerations of the contracts, by the golden records' members.
_ENUMERATED = ("outcome", "grade", "temperature", "code", "change", "reason", "trigger", "matched_by", "status")


class EveryVersion(Fault):
    name: ClassVar = "F28"
    title: ClassVar = "records of every released and of later versions"
    promise: ClassVar = "P10"
    short: ClassVar = 1
    full: ClassVar = 5

    def must(self, amount: float) -> Mapping[str, float]:
        goldens = len(all_goldens()) * amount
        return {"as released": goldens, "with unknown fields": goldens, "of a later type": 10 * amount, "passed on": 2}

    async def inject(self, world: World, amount: float) -> None:
        goldens = all_goldens()
        async with aside(world) as pipeline:
            for _ in range(int(amount)):
                letters_from = await _ends_of_letters(pipeline)
                await self._send(world, pipeline, "as released", [_record(golden) for golden in goldens])
                more = [_record(golden, _with_more(golden.value)) for golden in goldens]
                await self._send(world, pipeline, "with unknown fields", more)
                await world.until(pipeline.fleet.caught_up, "every record is read", 60)
                await self._none_dead(world, pipeline, letters_from)
                enums = [_record(golden, value) for golden in goldens if (value := _unknown_values(golden.value))]
                await self._send(world, pipeline, "with unknown values", enums)
                later = [_later_type(golden) for golden in goldens if golden.event_type not in SUBMISSIONS]
                await self._send(world, pipeline, "of a later type", later)
                await world.until(pipeline.fleet.caught_up, "every record is read", 60)
            await self._passed_on(world, pipeline)
            world.require(pipeline.fleet.restarts == 0, "a service ended on a record of another version")
            pipeline.tally.read_logs(pipeline.fleet.logs())
            for event in ("lane_failed", "batch_failed_unexpectedly", "consumer_stopped"):
                world.require(not pipeline.tally.totals()[f"log {event}"], f"{event} on records of other versions")

    async def _send(self, world: World, pipeline: Pipeline, what: str, records: list[tuple[str, Any]]) -> None:
        by_topic: dict[str, list[Any]] = {}
        for topic, record in records:
            by_topic.setdefault(topic, []).append(record)
        for topic, group in by_topic.items():
            await produce(pipeline.servers, topic, group)
        world.count(what, len(records))

    async def _none_dead(self, world: World, pipeline: Pipeline, since: Mapping[TopicPartition, int]) -> None:
        """What keeps a released contract is understood, with more in it too."""
        letters = await records_from(pipeline.servers, since)
        said = [(dict(each.headers)["ce_type"], dict(each.headers)["dlq-reason"]) for each in letters]
        world.require(not said, f"dead letters of released contracts: {said}")

    async def _passed_on(self, world: World, pipeline: Pipeline) -> None:
        """Not merely taken: the golden leads came out of the next stage."""
        wanted = {golden.value["lead"]["lead_id"] for golden in all_goldens() if golden.event_type == "lead.captured"}
        for topic in (SCORED, ROUTED):
            records = await records_from(pipeline.servers, dict.fromkeys(places_of(pipeline.servers, topic), 0))
            out = {record.key.decode() for record in records}
            world.require(wanted <= out, f"golden leads did not come out on {topic}")
            world.count("passed on")
        world.require(await behind(pipeline.servers, "routing", SCORED) < 50, "routing has not read its topic")


async def _ends_of_letters(pipeline: Pipeline) -> dict[TopicPartition, int]:
    found = [await ends_of(pipeline.servers, dead_letter_topic(service)) for service in SERVICES]
    return {place: end for ends in found for place, end in ends.items()}


def _record(golden: Golden, value: Any = None, **headers: str) -> tuple[str, Any]:
    given = {**golden.headers, **headers}
    if "ce_id" in given and value is not None:
        given["ce_id"] = str(uuid4())
    body = json.dumps(golden.value if value is None else value).encode()
    return golden.topic, (golden.key.encode(), body, [(name, text.encode()) for name, text in given.items()])


def _with_more(value: dict[str, Any]) -> dict[str, Any]:
    """Unknown fields at every level that is an object of ours."""
    return {name: {**held, **_MORE} if isinstance(held, dict) else held for name, held in value.items()} | _MORE


def _unknown_values(value: dict[str, Any]) -> dict[str, Any] | None:
    """The record with enumerated members that nobody knows yet; None where it has none."""
    changed: dict[str, Any] = {name: "teleported" for name in _ENUMERATED if isinstance(value.get(name), str)}
    nested = {name: _unknown_values(held) for name, held in value.items() if isinstance(held, dict)}
    changed |= {name: inner for name, inner in nested.items() if inner}
    return {**value, **changed} if changed else None


def _later_type(golden: Golden) -> tuple[str, Any]:
    """A type and a version of the schema that this code has never heard of."""
    named = {"ce_type": f"{golden.event_type}.later", "ce_dataschema": "https://example.com/v9"}
    return _record(golden, {"schema_version": 9}, **named)


FAULTS = [EveryVersion()]
