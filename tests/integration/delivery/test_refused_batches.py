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


async def test_a_topic_that_refused_even_markers_holds_nobody_up_when_it_takes_records_again(one_hop: Hop) -> None:
    """Kafka gives up writing the marker, so the transactional id is of no use any more: the next process has another."""
    member = await one_hop.member(0).ready()
    await one_hop.feed(0, 50)
    await one_hop.settle(50)
    await _configure(one_hop, {**TOPICS[SCORED].settings(), "max.message.bytes": "10"})
    await one_hop.feed(50, 300)

    async def ended() -> bool:
        return not member.running

    await eventually(ended, "the process ends: its id cannot be had again", within=30)
    await _configure(one_hop, TOPICS[SCORED].settings())
    await one_hop.member(0).ready()
    await one_hop.exactly_once(300)
    third = await one_hop.member(0).ready()
    assert third.tail(50).count("transactional_id_given_up") == 1  # once for all: the next one does not wait for it


async def _configure(one_hop: Hop, settings: Mapping[str, str]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=one_hop.servers.kafka)
    await admin.start()
    try:
        name = one_hop.servers.names.topic(SCORED)
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, configs=dict(settings))])
    finally:
        await admin.close()
