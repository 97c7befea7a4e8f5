"""A batch that the broker refuses uses up sequence numbers; once it takes batches again, all goes on by itself."""

from collections.abc import Mapping

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from shared.contracts.topics import SCORED, TOPICS
from tests.integration.delivery.conftest import Hop
from tests.support.waiting import eventually

pytestmark = [pytest.mark.stack, pytest.mark.processes]


async def test_a_topic_that_refused_batches_takes_them_again_without_a_restart(one_hop: Hop) -> None:
    member = await one_hop.member(0).ready()
    await one_hop.feed(0, 50)
    await one_hop.settle(50)
    # A transaction's marker fits into this, so that what is aborted ends; records do not.
    await _configure(one_hop, {**TOPICS[SCORED].settings(), "max.message.bytes": "200"})
    await one_hop.feed(50, 300)

    async def refused() -> bool:
        return await member.metric("transaction_aborts_total") >= 2

    await eventually(refused, "batches are refused, and tried again")
    await _configure(one_hop, TOPICS[SCORED].settings())
    await one_hop.exactly_once(300)
    assert member.running


async def _configure(one_hop: Hop, settings: Mapping[str, str]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=one_hop.servers.kafka)
    await admin.start()
    try:
        name = one_hop.servers.names.topic(SCORED)
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, configs=dict(settings))])
    finally:
        await admin.close()
