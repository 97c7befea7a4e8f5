"""Opportunities by stage: each where it stands by its newest version, whatever came first, however often."""

from typing import Any

import orjson
import pytest

from services.reporting.adapters.postgres.sales import pipeline_rows
from shared.handling.records import Record
from shared.persistence.database import Database
from tests.support.reporting import NOW, Stream, batches, store


def saying(record: Record, **fields: Any) -> Record:
    return record._replace(value=orjson.dumps({**orjson.loads(record.value or b""), **fields}))


def homes(record: Record) -> Record:
    used = {"kind": "pipeline", "name": "homes", "version": 2, "content_hash": "00"}
    return saying(record, stage="Viewing", probability=30, pipeline=used)


def month(stream: Stream) -> list[Record]:
    """Three sales from before stages were rules, one of them won, and two of homes, of which one is lost."""
    inbound = [stream.inbound() for _ in range(5)]
    found = [stream.converted(inbound[n], n) for n in range(3)]
    found.append(saying(stream.changed(0, "Closed Won", version=3), amount="70.50", currency="EUR"))
    found.append(saying(stream.changed(0, version=2), amount="1", currency="USD"))
    found += [homes(stream.converted(inbound[n], n)) for n in (3, 4)]
    found.append(saying(stream.changed(3, "Viewing", version=1), probability=30))
    found.append(saying(stream.changed(4, "Withdrawn"), probability=0, amount="9", currency="USD"))
    return found


async def table(database: Database) -> list[tuple[Any, ...]]:
    async with database.transaction(NOW) as work:
        return [tuple(row.values()) for row in await pipeline_rows(work)]


@pytest.mark.parametrize("size", [1, 3, 100])
async def test_each_stands_where_its_newest_version_says(database: Database, size: int) -> None:
    records = month(Stream())
    for batch in batches([*records[::-1], *records], size):
        await store(database, batch)
    assert await table(database) == [
        ("default", "Prospecting", 10, 2, "10.00 USD", "1.00 USD"),
        ("default", "Closed Won", 100, 1, "70.50 EUR", "70.50 EUR"),
        ("homes", "Viewing", 30, 1, "5.00 USD", "1.50 USD"),
        ("homes", "Withdrawn", 0, 1, "9 USD", "0.00 USD"),
    ]
