"""One bad record never stops the rest; an outage delays and loses nothing."""

import time
from urllib.parse import urlsplit

import asyncpg
import orjson
import pytest

from shared.contracts.topics import CAPTURED
from tests.integration.delivery.conftest import Hop, lead_id
from tests.support.proxy import proxied
from tests.support.topics import envelope, produce
from tests.support.waiting import eventually

pytestmark = [pytest.mark.stack, pytest.mark.processes]


async def test_a_poison_record_between_good_ones_is_found_and_parked(one_hop: Hop) -> None:
    poison = frozenset({17, 150, 151})
    await one_hop.feed(0, 400, poison=poison)
    await one_hop.member(0).ready()
    await one_hop.exactly_once(400, but=poison)
    letters = await one_hop.dead_letters()
    assert sorted(letter["ce_subject"] for letter in letters) == sorted(lead_id(n) for n in poison)
    # The first is tried again; others of its batch that fail at the same place are not.
    assert max(int(letter["dlq-attempts"]) for letter in letters) >= 2
    for letter in letters:
        assert letter["dlq-reason"] == "processing_failed"
        assert letter["dlq-exception"].startswith("ZeroDivisionError at __main__:")
        assert letter["dlq-original-topic"] == CAPTURED
        assert letter["ce_type"] == "lead.captured"


async def test_records_that_cannot_be_read_are_parked_one_by_one(one_hop: Hop) -> None:
    good = {"lead_id": lead_id(0), "n": 0}
    bad = [
        (b"k", b"{not json", envelope("lead.captured", "bad-json", "s")),
        (b"k", b"[]", envelope("lead.captured", "array", "s")),
        (b"k", b"", envelope("lead.captured", "empty", "s")),
        (b"k", None, envelope("lead.captured", "tombstone", "s")),
        (None, b"{}", [("ce_type", b"lead.captured"), ("ce_id", b"\xff\xfe")]),
        (b"k", b"{}", []),
        (b"k", b"\x1f\x8b\x08\x00", envelope("lead.captured", "gzip", "s")),
    ]
    first = (b"a", orjson.dumps(good), envelope("lead.captured", 0, lead_id(0)))
    last = (b"b", orjson.dumps({"lead_id": lead_id(1), "n": 1}), envelope("lead.captured", 1, lead_id(1)))
    await produce(one_hop.servers, CAPTURED, [first, *bad, last], partition=0)
    await one_hop.member(0).ready()
    await one_hop.exactly_once(2)

    async def parked() -> bool:
        return len(await one_hop.dead_letters()) == len(bad)

    await eventually(parked, "each unreadable record is a dead letter")
    reasons = {letter["dlq-reason"] for letter in await one_hop.dead_letters()}
    assert reasons == {"invalid_contract", "empty_value", "unreadable_header", "no_type"}


async def test_when_everything_turns_bad_the_consumer_stops_and_says_so(one_hop: Hop) -> None:
    await one_hop.feed(0, 200, poison=frozenset(range(200)))
    member = one_hop.member(0)

    async def stopped() -> bool:
        return await member.metric("consumer_stopped") == 1

    await eventually(stopped, "the consumer stops")
    health = await member.health()
    assert health is not None
    assert not health["ready"]
    assert "unexpected errors in a row" in health["reasons"][0]
    assert len(await one_hop.dead_letters()) <= 20
    assert member.running


async def test_postgres_gone_for_20_s_delays_and_loses_nothing(one_hop: Hop) -> None:
    dsn = urlsplit(one_hop.servers.postgres)
    assert dsn.hostname
    assert dsn.port
    async with proxied(dsn.hostname, dsn.port) as proxy:
        through = dsn._replace(netloc=dsn.netloc.rsplit(":", 1)[0] + f":{proxy.port}").geturl()
        member = await one_hop.member(0, LEADSTREAM_POSTGRES_DSN=through, LEADSTREAM_MAX_RECORDS="100").ready()
        await one_hop.feed(0, 500)
        await one_hop.settle(100)
        proxy.cut()
        await one_hop.feed(500, 1000)

        async def unready() -> bool:
            health = await member.health()
            return health is not None and not health["ready"]

        await eventually(unready, "the member is unready without its database")
        began = time.monotonic()

        async def long_enough() -> bool:
            return time.monotonic() - began >= 20

        await eventually(long_enough, "20 s without Postgres", within=25)
        assert member.running
        proxy.mend()
        await one_hop.exactly_once(1000, within=40)
        await member.ready()
        assert await one_hop.dead_letters() == []


async def test_a_database_older_than_kafka_is_refused(one_hop: Hop) -> None:
    """A restore: what Kafka says was published is beyond what the database holds."""
    await one_hop.feed(0, 200)
    member = await one_hop.member(0).ready()
    await one_hop.exactly_once(200)
    member.stop()
    connection = await asyncpg.connect(one_hop.servers.postgres)
    try:
        await connection.execute("UPDATE scoring.marks SET stored_to = 1, published_to = 0")
    finally:
        await connection.close()
    await one_hop.feed(200, 300)
    again = one_hop.member(0)

    async def refused() -> bool:
        health = await again.health()
        return health is not None and any("older than Kafka" in reason for reason in health["reasons"])

    await eventually(refused, "the older database is refused")
    assert len(await one_hop.seen()) == 200
