"""Leads that lack what is required, on a real Postgres: they wait in a queue, and are routed anew by their next version."""

from typing import Any

import orjson
import pytest

from shared.handling.outcomes import Outcome, Produced
from tests.support.routing import Desk, document

pytestmark = pytest.mark.stack

RULES = document(
    "  - id: turn\n    when: {always: true}\n    assign: {round_robin: sales}\n",
    queues="sales: {}, marketing: {}, unassigned: {}, incomplete: {}",
) + (
    "requirements:\n"
    "  - {id: country, name: a country, field: address.country, queue: incomplete,"
    " when: {field: address.country, exists: true}}\n"
    "  - {id: project, name: a project, field: extra.project, queue: marketing, when: {field: extra.project, exists: true}}\n"
)
SOMEWHERE: dict[str, Any] = {"address": {"country": "DE"}}
WHOLE: dict[str, Any] = {**SOMEWHERE, "extra": {"project": "x"}}


def assignment_of(outcome: Outcome | None) -> dict[str, Any]:
    assert isinstance(outcome, Produced), outcome
    data = orjson.loads(outcome.events[0].data)
    return {"version": data["assignment_version"], "outcome": outcome.outcome, **data["assignment"]}


@pytest.fixture
async def strict(desk: Desk) -> Desk:
    await desk.take(desk.feed.publish(RULES))
    return desk


async def test_a_lead_waits_and_is_routed_anew_once_it_is_whole(strict: Desk) -> None:
    (first,) = await strict.take(strict.feed.scored(1))
    waits = assignment_of(first)
    assert (waits["queue"], waits["rule"], waits["strategy"], waits["version"]) == (
        "incomplete", "country", "requirement", 1,
    )  # fmt: skip
    (same,) = await strict.take(strict.feed.scored(1, lead_version=2, score_version=2, title="CEO"))
    assert (assignment_of(same)["outcome"], assignment_of(same)["version"]) == ("kept", 1)
    (other,) = await strict.take(strict.feed.scored(1, lead_version=3, score_version=3, **SOMEWHERE))
    assert (assignment_of(other)["rule"], assignment_of(other)["version"]) == ("project", 2)
    (last,) = await strict.take(strict.feed.scored(1, lead_version=4, score_version=4, **WHOLE))
    found = assignment_of(last)
    assert (found["owner"], found["queue"], found["rule"], found["version"]) == ("ann", None, "turn", 3)
    (after,) = await strict.take(strict.feed.scored(1, lead_version=5, score_version=5))
    assert assignment_of(after)["owner"] == "ann"  # whoever has an owner keeps it


@pytest.mark.parametrize("apart", [True, False])
async def test_versions_in_one_batch_end_as_versions_apart(strict: Desk, apart: bool) -> None:
    records = [
        strict.feed.scored(1),
        strict.feed.scored(1, lead_version=2, score_version=2, **WHOLE),
        strict.feed.scored(2),
        strict.feed.scored(2, lead_version=2, score_version=2, **SOMEWHERE),
    ]
    for batch in [[record] for record in records] if apart else [records]:
        await strict.take(*batch)
    rows = await strict.rows("SELECT owner, queue FROM assignments ORDER BY owner NULLS LAST")
    assert rows[0] == {"owner": "ann", "queue": None}
    assert rows[1]["owner"] is None and rows[1]["queue"] in ("incomplete", "marketing")


async def test_an_older_version_releases_nobody_and_what_people_decided_stands(strict: Desk) -> None:
    await strict.take(strict.feed.scored(1, lead_version=5, score_version=5))
    await strict.take(strict.feed.scored(1, lead_version=4, score_version=4, **WHOLE))
    assert (await strict.assignment(1))["queue"] == "incomplete"
    await strict.take(strict.feed.reassign(1, owner="ben"))
    await strict.take(strict.feed.scored(1, lead_version=6, score_version=6, **WHOLE))
    row = await strict.assignment(1)
    assert (row["owner"], orjson.loads(row["assignment"])["strategy"]) == ("ben", "manual")


async def test_a_redelivery_gives_the_same_and_rules_without_requirements_let_go(strict: Desk) -> None:
    record = strict.feed.scored(1)
    assert await strict.take(record) == await strict.take(record)
    await strict.take(strict.feed.publish(RULES.partition("requirements:")[0]))
    (released,) = await strict.take(strict.feed.scored(1, lead_version=2, score_version=2))
    assert (assignment_of(released)["outcome"], assignment_of(released)["owner"]) == ("released", "ann")


async def test_a_waiting_lead_has_the_owner_of_the_lead_that_is_the_same_person(strict: Desk) -> None:
    await strict.take(strict.feed.scored("w"), strict.feed.scored("l", **WHOLE))
    assert (await strict.assignment("w"))["queue"] == "incomplete" and (await strict.assignment("l"))["owner"] == "ann"
    merge = strict.feed.merged("w", "l")
    (merged,) = await strict.take(merge)
    assert (assignment_of(merged)["owner"], assignment_of(merged)["version"]) == ("ann", 2)
    assert await strict.take(merge) == [merged]
    await strict.take(strict.feed.scored("v"))
    (waits,) = await strict.take(strict.feed.merged("x", "v"))  # neither has anybody: it waits on
    assert assignment_of(waits)["queue"] == "incomplete"
