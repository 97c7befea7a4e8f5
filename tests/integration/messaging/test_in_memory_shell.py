"""FastStream's in-memory broker: the shell hands raw records to the lane, and its AsyncAPI names the subscription.

It has no offsets, partitions or rebalances, so nothing here is about delivery.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from faststream.kafka import TestKafkaBroker
from faststream.specification.asyncapi import AsyncAPI

from shared.contracts import ids
from shared.contracts.topics import CAPTURED, SCORED, TOPICS, dead_letter_topic
from shared.messaging.broker import create_broker, subscribe
from shared.messaging.fencing import Membership
from shared.messaging.lane import Lane
from shared.messaging.names import Names
from shared.messaging.outputs import Outputs
from shared.messaging.transaction import Consumed, Output
from shared.persistence.database import Database, create_engine
from tests.support import hop
from tests.support.stack import Servers, create_database, drop_database
from tests.support.topics import envelope

NOW = datetime(2026, 1, 5, 10, tzinfo=UTC)
TOPIC_ID = "11111111-2222-4333-8444-555555555555"
LEAD = ids.derive(ids.LEADS, "one")


class Published:
    """The publisher's twin: keeps what a transaction would carry."""

    def __init__(self) -> None:
        self.outputs: list[Output] = []

    async def publish(self, outputs: Sequence[Output], consumed: Consumed) -> None:
        self.outputs += outputs


class Member:
    """The consumer's twin: a member that never loses its membership and has nothing committed."""

    fetched_under = Membership(1, "member")
    untaken = False
    halted = False
    _coordinator = None

    def assignment(self) -> set[Any]:
        return set()

    async def keep_alive(self) -> None: ...
    def rejoin(self) -> None: ...


class SteadyLane(Lane):
    """A lane whose member is always in its group."""

    def _lost(self, batch: Any) -> bool:
        return False


def lane_on(database: Database, published: Published) -> Lane:
    names = Names()
    counts = {name: topic.partition_count(4) for name, topic in TOPICS.items()}
    lane = SteadyLane(
        hop.subscription(),
        names,
        database,
        published,
        Outputs("scoring", "test", names, counts),
        lambda: NOW,
        lambda reason: None,
        topic_ids=dict.fromkeys(TOPICS, TOPIC_ID),
    )
    lane.consumer = Member()  # type: ignore[assignment]
    return lane


async def test_records_reach_the_lane_raw_and_bad_ones_do_not_stop_good_ones(servers: Servers) -> None:
    own = await create_database(servers.postgres)
    await hop.create_schema(own)
    database, published = Database(create_engine(own, "scoring")), Published()
    lane = lane_on(database, published)
    broker = create_broker("in-memory", "test")
    subscribe(broker, lane)
    try:
        async with TestKafkaBroker(broker) as memory:
            for n, body in ((1, orjson.dumps({"lead_id": LEAD, "n": 1})), (2, b"{broken")):
                headers = {name: value.decode() for name, value in envelope("lead.captured", n, LEAD)}
                # All of its records have offset 0: a partition each, or the marks would take the second for a redelivery.
                await memory.publish(body, CAPTURED, key=LEAD.encode(), headers=headers, partition=n)
        assert [output.topic for output in published.outputs] == [SCORED, dead_letter_topic("scoring")]
        assert orjson.loads(published.outputs[0].value or b"") == {"lead_id": LEAD, "n": 1}
    finally:
        await database.dispose()
        await drop_database(servers.postgres, own)


async def test_faststreams_own_asyncapi_names_the_subscription(servers: Servers) -> None:
    database = Database(create_engine(servers.postgres, "scoring"))
    broker = create_broker("in-memory", "test")
    subscribe(broker, lane_on(database, Published()))
    document = AsyncAPI(broker).to_specification().to_jsonable()
    assert any(channel["address"].startswith(CAPTURED) for channel in document["channels"].values())
