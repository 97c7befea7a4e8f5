"""Whether a run of the pipeline is right: every lead one outcome, conversions once, the ledger balanced."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson

from shared.contracts.envelope import header_map
from shared.contracts.topics import (
    CAPTURED,
    CONVERTED,
    RECEIPTS_SETTLED,
    REJECTED,
    ROUTED,
    SCORED,
    SERVICES,
    TOPICS,
    dead_letter_topic,
)
from tests.benchmark.fleet import Fleet
from tests.benchmark.seeding import NOTHING, Seeded
from tests.support.stack import Servers
from tests.support.topics import read_to_end

_OUTCOMES = (CAPTURED, REJECTED, RECEIPTS_SETTLED)
_EVENTS = (*_OUTCOMES, SCORED, ROUTED, CONVERTED)


@dataclass(frozen=True, slots=True)
class Books:
    """Counts by topic and outcome, and what is wrong."""

    counts: Mapping[str, int]
    faults: Sequence[str]


async def examine(servers: Servers, fleet: Fleet, leads: int, seeded: Seeded = NOTHING) -> Books:
    """Read every topic as a read_committed reader, the conversions in Postgres, and reporting's ledger.

    `leads`: all that were ever sent. `seeded`: what is stored beside and was never sent.
    """
    records = {topic: await read_to_end(servers, topic) for topic in _EVENTS}
    dead = sum([len(await read_to_end(servers, dead_letter_topic(service))) for service in SERVICES])
    counts = {topic: len(found) for topic, found in records.items()} | {"dead letters": dead}
    faults = [
        *_outcomes(records, leads),
        *(fault for topic, found in records.items() for fault in _twice(topic, found)),
        *await _conversions(servers, records[CONVERTED], seeded.conversions),
        *await _ledger(fleet, leads + seeded.inbound, counts),
    ]
    if dead:
        faults.append(f"{dead} dead letters")
    return Books(counts, faults)


def _outcomes(records: Mapping[str, Sequence[Any]], leads: int) -> list[str]:
    """Each inbound record has one outcome, whatever it is."""
    places = Counter(
        (inbound["partition"], inbound["offset"])
        for topic in _OUTCOMES
        for record in records[topic]
        if (inbound := orjson.loads(record.value)["origin"]["inbound"])
    )
    several = sum(1 for n in places.values() if n > 1)
    found = [f"{leads - len(places)} leads without an outcome"] if len(places) != leads else []
    return found + ([f"{several} leads with several outcomes"] if several else [])


def _twice(topic: str, records: Sequence[Any]) -> list[str]:
    ids = Counter(header_map(record.headers)["ce_id"] for record in records)
    doubled = sum(n - 1 for n in ids.values())
    return [f"{doubled} events twice on {TOPICS[topic].name}"] if doubled else []


async def _conversions(servers: Servers, records: Sequence[Any], seeded: int) -> list[str]:
    """Every conversion in Postgres was published once, and nothing else was."""
    published = Counter(orjson.loads(record.value)["lead_id"] for record in records)
    connection = await asyncpg.connect(servers.postgres)
    try:
        stored = {
            row["lead_id"] for row in await connection.fetch("SELECT lead_id::text FROM conversion.opportunities")
        }
    finally:
        await connection.close()
    faults = (
        [f"{sum(n - 1 for n in published.values())} leads converted twice"] if len(records) != len(published) else []
    )
    differing = abs(len(stored - set(published)) - seeded) + len(set(published) - stored)
    if differing:
        faults.append(f"{differing} conversions differ between Postgres and Kafka")
    return faults if records else [*faults, "no lead was converted"]


async def _ledger(fleet: Fleet, leads: int, counts: dict[str, int]) -> list[str]:
    """Reporting's own books."""
    async with fleet.client("reporting") as client:
        answer = await client.get("/v1/ledger")
        if answer.status_code != 200:
            return [f"the ledger answers {answer.status_code}"]
        ledger = answer.json()
    totals: Counter[str] = Counter()
    for source in ledger["sources"]:
        totals.update({name: n for name, n in source.items() if isinstance(n, int)})
    counts |= {f"ledger {name}": n for name, n in totals.items()}
    faults = [f"ledger: {problem}" for problem in ledger["problems"]]
    if totals["received"] != leads:
        faults.append(f"ledger: {totals['received']} received of {leads}")
    return faults
