"""Effectively once, on Apache Kafka, with two members in a group: kills, zombies, rebalances."""

import asyncio
import signal

import pytest

from shared.contracts.topics import CAPTURED
from tests.integration.delivery.conftest import Hop
from tests.support.process import ServiceProcess
from tests.support.topics import reset_group
from tests.support.waiting import eventually

pytestmark = [pytest.mark.stack, pytest.mark.processes]

LEADS = 4_000
SMALL = {"LEADSTREAM_MAX_RECORDS": "200"}


async def is_frozen(member: ServiceProcess) -> bool:
    return member.frozen()


async def test_kill_9_in_mid_batch_loses_and_doubles_nothing(one_hop: Hop) -> None:
    """The process ends itself between the Postgres commit and the Kafka commit, and in mid-transaction."""
    steady = one_hop.member(0, **SMALL)
    fed = 0
    for point in ("after-store=exit:2", "before-end-transaction=exit:2", "after-produce=exit:1"):
        victim = one_hop.member(1, **SMALL, LEADSTREAM_FAILPOINTS=point)

        async def at_work(victim: ServiceProcess = victim) -> bool:
            health = await victim.health()
            return not victim.running or (health is not None and health["ready"])

        await eventually(at_work, "the victim works, or has met its failpoint already", within=60)
        await one_hop.feed(fed, fed := fed + 2_000)

        async def ended(victim: ServiceProcess = victim) -> bool:
            return not victim.running

        await eventually(ended, f"the failpoint {point} is reached", within=40)
    await one_hop.exactly_once(fed)
    assert await one_hop.aborted() > 0, "no kill fell into an open transaction: the test proved nothing"
    assert steady.running


async def test_a_zombie_that_lost_its_partitions_cannot_publish(one_hop: Hop) -> None:
    """F41: stopped between its Postgres commit and its Kafka transaction, past the session timeout, then awake."""
    await one_hop.feed(0, LEADS)
    zombie = one_hop.member(0, **SMALL, LEADSTREAM_FAILPOINTS="after-produce=stop:3")
    await eventually(lambda: is_frozen(zombie), "the zombie stops", within=40)
    other = await one_hop.member(1, **SMALL).ready(within=60)
    # Everything that the zombie does not still hold under its open transaction comes out of the other member.
    await one_hop.settle(LEADS, within=60)
    zombie.send(signal.SIGCONT)

    async def refused() -> bool:
        fenced = await zombie.metric("fencings_total") + await zombie.metric("dropped_batches_total")
        return fenced > 0 or "fenced" in zombie.tail(50)

    await eventually(refused, "the zombie is fenced", within=30)
    await one_hop.exactly_once(LEADS)
    assert await one_hop.aborted() > 0
    assert other.running


async def test_a_new_owner_waits_for_the_zombies_open_transaction(one_hop: Hop) -> None:
    """F42: stopped between the transactional offset commit and EndTxn; awake again before its transaction times out."""
    await one_hop.feed(0, LEADS)
    zombie = one_hop.member(0, **SMALL, LEADSTREAM_FAILPOINTS="before-end-transaction=stop:3")
    await eventually(lambda: is_frozen(zombie), "the zombie stops", within=40)
    other = one_hop.member(1, **SMALL)

    async def waited() -> bool:
        return await other.metric("unstable_offset_waits_total") > 0

    await eventually(waited, "the new owner waits for stable offsets", within=40)
    zombie.send(signal.SIGCONT)
    await one_hop.exactly_once(LEADS)


async def test_members_that_come_and_go_under_load(one_hop: Hop) -> None:
    feeding = asyncio.create_task(one_hop.feed(0, 3 * LEADS))
    first = one_hop.member(0, **SMALL)
    for number in (1, 2, 1):
        guest = await one_hop.member(number, **SMALL).ready(within=60)
        assert guest.stop() in (0, -signal.SIGTERM)
    await feeding
    await one_hop.exactly_once(3 * LEADS)
    assert first.running


async def test_redelivery_from_offset_0_changes_and_publishes_nothing(one_hop: Hop) -> None:
    await one_hop.feed(0, LEADS)
    member = await one_hop.member(0).ready()
    await one_hop.exactly_once(LEADS)
    member.stop()
    await reset_group(one_hop.servers, "hop", [CAPTURED])
    again = await one_hop.member(0).ready()

    async def passed_by() -> bool:
        return await again.metric("records_total") >= LEADS

    await eventually(passed_by, "every record was delivered again")
    await one_hop.exactly_once(LEADS)


async def test_redelivery_after_a_kill_republishes_the_same_ids_at_most(one_hop: Hop) -> None:
    """kill -9 and a reset by a foreign tool: marks of the last commit are lost, event ids are not."""
    await one_hop.feed(0, 400)
    member = await one_hop.member(0).ready()
    await one_hop.exactly_once(400)
    member.kill()
    back = await one_hop.member(0).ready()
    await one_hop.exactly_once(400)
    assert back.running
