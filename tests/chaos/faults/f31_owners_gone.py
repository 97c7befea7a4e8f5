"""F31: members leave, all of them at once too, a queue is taken out of the rules, whose turn it was is lost: every lead that
comes meanwhile has a member who is there, or a queue with a reason, and turns are fair again afterwards."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Final

import httpx

from shared.contracts.topics import ROUTED
from tests.chaos.asking import ask, command
from tests.chaos.crowd import hot_of, leads_of
from tests.chaos.fault import Fault, World

_RULES: Final = Path(__file__).parents[3] / "services/routing/rules/assignment.yaml"
_COMERS: Final = 7
_WITHIN_S: Final = 30.0
_WITHOUT_SALES: Final = """
kind: assignment
name: assignment
version: 1
queues:
  unassigned: {description: Leads that no entry takes}
default: {queue: unassigned}
rules: []
"""


class OwnersGone(Fault):
    name: ClassVar = "F31"
    title: ClassVar = "members gone, all of them, their queue deleted, whose turn it was lost"
    promise: ClassVar = "P5"
    short: ClassVar = 1
    full: ClassVar = 10
    limit_s: ClassVar = 240.0

    def must(self, amount: float) -> Mapping[str, float]:
        return {
            "leads while a member was gone": amount * _COMERS,
            "leads while nobody was there": amount * _COMERS,
            "leads without their queue": amount * _COMERS,
            "leads by turns afterwards": amount * _COMERS,
        }

    async def inject(self, world: World, amount: float) -> None:
        for turn in range(int(amount)):
            members = (await ask(world, "routing", "GET", "/v1/members")).json()["items"]
            gone = world.rng.choice(members)
            await _set(world, [gone], active=False)
            found = await _comers(world, f"gone{turn}")
            world.require(
                all(row["owner"] != gone["member_id"] for row in found), "a lead went to a member who is gone"
            )
            world.count("leads while a member was gone", len(found))

            await _set(world, members, active=False)
            found = await _comers(world, f"nobody{turn}")
            world.require(all(row["owner"] is None for row in found), "a lead has an owner though nobody is there")
            world.count("leads while nobody was there", len(found))

            await _publish(world, _WITHOUT_SALES)
            found = await _comers(world, f"queue{turn}")
            world.require({row["queue"] for row in found} == {"unassigned"}, "a lead went to a queue that is deleted")
            world.count("leads without their queue", len(found))
            await self._fair_again(world, turn)

    async def _fair_again(self, world: World, turn: int) -> None:
        await self.recover(world)
        await world.sql("DELETE FROM routing.rotations")
        ((since,),) = [tuple(row.values()) for row in await world.sql("SELECT now()")]
        found = await _comers(world, f"turn{turn}")
        world.require(all(row["owner"] for row in found), "a lead has no owner though members are there")
        world.count("leads by turns afterwards", len(found))
        shares = await _shares(world, since)
        world.require(max(shares) - min(shares) <= 1, f"turns are not fair: {sorted(shares)}")

    async def recover(self, world: World) -> None:
        await _publish(world, _RULES.read_text())  # first: a member's queue must be one of the rules'
        members = (await ask(world, "routing", "GET", "/v1/members")).json()["items"]
        await _set(world, [each for each in members if not each["active"]], active=True)


async def _set(world: World, members: Sequence[Mapping[str, object]], *, active: bool) -> None:
    """Members, as they are but for whether they are there. Waited for until routing has it."""
    for each in members:
        body = {"name": each["name"], "queues": each["queues"], "active": active}
        answer = await ask(world, "routing", "PUT", f"/v1/members/{each['member_id']}", body)
        world.require(answer.status_code in (httpx.codes.OK, httpx.codes.ACCEPTED), "a member was not set")

    async def stands() -> bool | None:
        names = [each["member_id"] for each in members]
        query = "SELECT member_id FROM routing.members WHERE member_id = ANY($1::text[]) AND active = $2"
        return len(await world.sql(query, names, active)) == len(names) or None

    await world.until(stands, "members are set", _WITHIN_S)


async def _publish(world: World, document: str) -> None:
    said = {"document": document, "author": "chaos", "reason": "a queue comes and goes"}
    done = await command(world, "routing", "/v1/rules/assignment", said)
    world.require(done["status"] == "done", "assignment rules were not published")


async def _comers(world: World, word: str) -> list[Mapping[str, object]]:
    """What routing stored of some good leads that come now: each has an owner, or a queue, and a reason."""
    name = f"{word}-{world.token}"
    for person in range(_COMERS):
        world.pipeline.feed.send(hot_of(name, person, f"{name}-c{person // 4}"))
    leads = await leads_of(world, [f"{name}-{person}" for person in range(_COMERS)], ROUTED)
    rows = await world.sql(
        "SELECT owner, queue, assignment::json ->> 'reason' AS reason FROM routing.assignments"
        " WHERE lead_id::text = ANY($1::text[])",
        leads,
    )
    unowned = [row for row in rows if not (row["owner"] or row["queue"]) or not row["reason"]]
    world.require(len(rows) == _COMERS and not unowned, "a lead has no owner, no queue, or no reason")
    return rows


async def _shares(world: World, since: object) -> list[int]:
    """How many leads each member was dealt since then, the load's too."""
    assert isinstance(since, datetime)
    rows = await world.sql(
        "SELECT m.member_id, count(a.lead_id) AS n FROM routing.members m LEFT JOIN routing.assignments a"
        " ON a.owner = m.member_id AND a.assigned_at > $1 AND a.assignment::json ->> 'strategy' = 'round_robin'"
        " WHERE m.active GROUP BY 1",
        since,
    )
    return [int(str(row["n"])) for row in rows]


FAULTS = [OwnersGone()]
