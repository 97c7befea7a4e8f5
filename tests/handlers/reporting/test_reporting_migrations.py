"""Reporting's schema goes up, down and up again."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from services.reporting.adapters.postgres.funnel import read_counts
from services.reporting.adapters.postgres.ledger import read_ledger
from services.reporting.adapters.postgres.months import fold_earlier_rows
from services.reporting.domain.ledger import Balance
from shared.contracts.topics import INBOUND
from shared.persistence import migrations
from shared.persistence.database import Database, create_engine
from tests.support.reporting import (
    FOLDER,
    NOW,
    Stream,
    count,
    database_of,
    lead_id,
    own_schema,
    store,
    topic_id,
)
from tests.support.stack import Servers


def test_down_and_up_again(servers: Servers) -> None:
    with own_schema(servers) as dsn:
        migrations.downgrade("reporting", FOLDER, dsn, "base")
        migrations.upgrade("reporting", FOLDER, dsn)
        asyncio.run(_works(dsn))


# As the first release wrote them: a lead that was scored; one dead-lettered, then captured; one lost; one with two final
# outcomes; one still dead-lettered.
_PLACES = "('{topic}', 0, {n}, 'leads.inbound.v1', gen_random_uuid(), 'web', '2026-01-05T10:00Z')"
_EARLIER = (
    "INSERT INTO inbound VALUES " + ", ".join(_PLACES.format(topic=topic_id(INBOUND), n=n) for n in (0, 1, 2, 3, 5000)),
    *(
        f"""INSERT INTO outcomes (topic_id, partition, "offset", event_id, outcome, settled_at)
            VALUES ('{topic_id(INBOUND)}', 0, {n}, gen_random_uuid(), '{outcome}', '2026-01-05T10:0{minute}Z')"""
        for n, outcome, minute in (
            (0, "new", 1), (1, "dead_lettered", 1), (1, "new", 2), (3, "rejected", 1), (3, "new", 2),
            (5000, "dead_lettered", 1),
        )
    ),
    *(
        f"INSERT INTO lead_stages VALUES ('{lead_id(n)}', '{stage}', '2026-01-05T10:01Z', 'web', '2026-01-05')"
        for n, stage in ((0, "captured"), (0, "scored"), (0, "marketing_qualified"), (1, "captured"))
    ),
)  # fmt: skip


def test_what_the_first_release_wrote_stays_in_the_books(servers: Servers) -> None:
    """Rows from before the migration, and those that the old release writes until it is stopped."""
    with own_schema(servers) as dsn:
        migrations.downgrade("reporting", FOLDER, dsn, "0002")
        asyncio.run(_write(dsn, _EARLIER[:3]))
        migrations.upgrade("reporting", FOLDER, dsn)
        asyncio.run(_write(dsn, _EARLIER[3:]))
        asyncio.run(_holds_the_books(dsn))


async def _write(dsn: str, statements: Sequence[str]) -> None:
    database = Database(create_engine(dsn, "reporting"))
    async with database.transaction(NOW) as work:
        for statement in statements:
            await work.execute(statement)
    await database.dispose()


async def _holds_the_books(dsn: str) -> None:
    database = Database(create_engine(dsn, "reporting"))
    async with database.transaction(NOW) as work:
        await fold_earlier_rows(work)
        await fold_earlier_rows(work)
        ledger = await read_ledger(work)
        counts = await read_counts(work, cohort=True, first=None, last=None)
    await database.dispose()
    assert ledger.balances == [Balance("web", 5, 2, 0, 1, 1, 0, 0, 1)]
    assert [o["offset"] for o in ledger.offenders["in_flight"]] == [2]
    assert [(o["offset"], o["outcomes"]) for o in ledger.offenders["doubles"]] == [(3, ["rejected", "new"])]
    assert [(s.entered, s.done, s.waiting) for s in ledger.stages] == [(2, 1, 1), (1, 0, 1)]
    assert {(c.stage, c.count) for c in counts} == {("captured", 2), ("scored", 1), ("marketing_qualified", 1)}


async def _works(dsn: str) -> None:
    stream = Stream()
    inbound = stream.inbound()
    now = int(datetime.now(UTC).timestamp() * 1000)
    async with database_of(dsn) as database:
        await store(database, [inbound, stream.settled(inbound)._replace(timestamp=now)])
        assert await count(database, "events") == 1 and await count(database, "events_default") == 0
