"""Whether a variant's output is right: every lead once, with the score that it should have."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.contracts.topics import SCORED
from tests.benchmark.leads import score_of
from tests.support.stack import Servers

# Longer than any variant waits before it commits.
_QUIET_S = 8.0


@dataclass(frozen=True, slots=True)
class Row:
    """One output: the lead, its score, where it stands."""

    lead_id: str
    score: int
    key: bytes | None
    partition: int


Expected = Mapping[str, Row]


@dataclass(frozen=True, slots=True)
class Output:
    """What a variant wrote. `unreadable` counts values that are no scored lead."""

    rows: Sequence[Row]
    unreadable: int

    @classmethod
    def of(cls, records: Sequence[Any]) -> "Output":
        rows, unreadable = [], 0
        for record in records:
            try:
                value = orjson.loads(record.value)
                rows.append(Row(value["lead"]["lead_id"], value["score"], record.key, record.partition))
            except (ValueError, KeyError, TypeError):
                unreadable += 1
        return cls(rows, unreadable)


@dataclass(frozen=True, slots=True)
class Checked:
    """`faults` in words; empty when every lead came out once with its score."""

    faults: tuple[str, ...]
    keys_kept: bool
    partitions_kept: bool


def expected_of(records: Sequence[Any]) -> Expected:
    """What a right output holds, worked out from the input."""
    leads = ((record, orjson.loads(record.value)["lead"]) for record in records)
    return {
        lead["lead_id"]: Row(lead["lead_id"], score_of(lead)[0], record.key, record.partition) for record, lead in leads
    }


def check(expected: Expected, output: Output) -> Checked:
    """Compare. Order within a partition is not looked at here."""
    seen = Counter(row.lead_id for row in output.rows)
    known = [(row, expected[row.lead_id]) for row in output.rows if row.lead_id in expected]
    counts = {
        "lost": sum(1 for lead_id in expected if lead_id not in seen),
        "duplicated": sum(n - 1 for n in seen.values()),
        "unknown": len(output.rows) - len(known),
        "scored wrongly": sum(1 for row, wanted in known if row.score != wanted.score),
        "unreadable": output.unreadable,
    }
    return Checked(
        tuple(f"{n} {name}" for name, n in counts.items() if n),
        all(row.key == wanted.key for row, wanted in known),
        all(row.partition == wanted.partition for row, wanted in known),
    )


def check_forwarded(sources: Sequence[Any], records: Sequence[Any]) -> Checked:
    """Compare outputs that are to be the inputs, byte for byte."""
    values = Counter(record.value for record in sources)
    found = Counter(record.value for record in records)
    counts = {"lost": (values - found).total(), "duplicated or unknown": (found - values).total()}
    places = {record.value: (record.key, record.partition) for record in sources}
    kept = [(record, places[record.value]) for record in records if record.value in places]
    return Checked(
        tuple(f"{n} {name}" for name, n in counts.items() if n),
        all(record.key == key for record, (key, _) in kept),
        all(record.partition == partition for record, (_, partition) in kept),
    )


async def ends_of(servers: Servers) -> dict[int, int]:
    """Where each partition of the output ends now."""
    consumer = await _reader(servers)
    try:
        places = _places(servers, SCORED)
        consumer.assign(places)
        return {tp.partition: end for tp, end in (await consumer.end_offsets(places)).items()}
    finally:
        await consumer.stop()


async def read_from(servers: Servers, topic: str | None, starts: Mapping[int, int], wanted: int) -> list[Any]:
    """What was committed since `starts`: at least `wanted` records and what follows at once, or all that comes until
    it is quiet."""
    consumer = await _reader(servers)
    try:
        places = _places(servers, topic or SCORED)
        consumer.assign(places)
        for tp in places:
            consumer.seek(tp, starts.get(tp.partition, 0))
        return await _read(consumer, wanted)
    finally:
        await consumer.stop()


async def _read(consumer: Any, wanted: int) -> list[Any]:
    found: list[Any] = []
    quiet_since = time.monotonic()
    while time.monotonic() - quiet_since < (0.5 if len(found) >= wanted else _QUIET_S):
        batch = await consumer.getmany(timeout_ms=200)
        for records in batch.values():
            found.extend(records)
            quiet_since = time.monotonic()
    return found


async def _reader(servers: Servers) -> Any:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=servers.kafka,
        isolation_level="read_committed",
        enable_auto_commit=False,
    )
    await consumer.start()
    return consumer


def _places(servers: Servers, topic: str) -> list[TopicPartition]:
    return [TopicPartition(servers.names.topic(topic), partition) for partition in range(servers.spine_partitions)]
