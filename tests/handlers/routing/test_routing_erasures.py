"""An erased person's lead keeps who held it and loses everything else, whatever comes late."""

import pytest

from services.routing.adapters.postgres.erasure import FREE, PERSONAL
from services.routing.adapters.postgres.reads import find_lead, queue_page
from shared.contracts.topics import ERASED
from shared.handling.outcomes import Produced, Skipped
from tests.support.erasing import CANARY, canary, erased, remains, tables_of, unaccounted
from tests.support.routing import NOW, Desk, lead_id

pytestmark = pytest.mark.stack


def erasure(desk: Desk, version: int, *numbers: int) -> object:
    ids = [lead_id(n) for n in numbers]
    return desk.feed.record(ERASED, "lead.erased", ids[0], erased(version, *ids), f"erased/{desk.feed.offset}")


async def test_every_table_takes_part_or_holds_nothing_of_a_person(desk: Desk, routing_dsn: str) -> None:
    assert unaccounted(await tables_of(routing_dsn, "routing"), PERSONAL, FREE) == []


async def test_the_owner_stays_and_the_person_goes(desk: Desk, routing_dsn: str) -> None:
    await desk.take(desk.feed.set_member("ann"), desk.feed.scored(1, **canary()))
    by_hand = {"lead_id": lead_id(1), "owner": "ann", "reason": f"{CANARY[2]} asked for her"}
    await desk.take(desk.feed.command("lead.reassign", lead_id(1), by_hand))
    assert await remains(routing_dsn, "routing") != []
    (outcome,) = await desk.take(erasure(desk, 2, 1))  # type: ignore[arg-type]
    assert outcome == Produced("erased", subject=lead_id(1))
    kept = await desk.assignment(1)
    assert (kept["owner"], kept["assignment_version"], kept["lead_version"]) == ("ann", 2, 2)
    assert await remains(routing_dsn, "routing") == []
    (refused,) = await desk.take(desk.feed.reassign(1, owner="ann"))
    assert refused.reason == "erased"  # type: ignore[union-attr]


async def test_what_comes_late_is_not_kept_and_stands_in_no_queue(desk: Desk, routing_dsn: str) -> None:
    await desk.take(desk.feed.scored(5, grade="D", **canary()))
    late = [desk.feed.scored(1, **canary()), desk.feed.merged(1, 2), desk.feed.scored(5, score_version=2, **canary())]
    await desk.take(erasure(desk, 3, 1, 2), erasure(desk, 2, 5))  # type: ignore[arg-type]
    first, merged, second = await desk.take(*late)
    assert first == Skipped("erased", subject=lead_id(1)) and second == Skipped("erased", subject=lead_id(5))
    assert merged == Produced("merge_noted", subject=lead_id(1))
    assert await remains(routing_dsn, "routing") == []
    async with desk.database.transaction(NOW) as work:
        (queue,) = {(await desk.assignment(5))["queue"]}
        assert await queue_page(work, queue, None, 10) == []
        assert await find_lead(work, lead_id(1)) is None
