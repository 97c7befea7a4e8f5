"""People whom a fault brings along: of companies that it names, hot, or only just too cold to convert by themselves."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import orjson

from tests.chaos.fault import World
from tests.chaos.people import HOT_EVERY, Submission, of_person


def hot_of(name: str, person: int, company: str, n: int = 0) -> Submission:
    """The `n`-th event of a person of this company, who must convert. `name` and `company` must be the fault's own."""
    made = of_person(name, person * HOT_EVERY, n)
    own_id = f"{name}-{person}"
    body = orjson.loads(made.body)
    body |= {"external_id": own_id, "email": f"{own_id}@{company}.example"}
    body["company"]["name"] = company
    return replace(made, event_id=f"{name}-{person}-e{n}", person=own_id, company=company, body=orjson.dumps(body))


def lukewarm_of(name: str, person: int, company: str) -> Submission:
    """An event of the same person, known by name and company, that no gate opens to."""
    hot = hot_of(name, person, company)
    body: dict[str, Any] = orjson.loads(hot.body)
    kept = {key: body[key] for key in ("external_id", "email", "first_name", "last_name")}
    kept["company"] = {"name": company}
    return replace(hot, event_id=f"{hot.event_id}-lukewarm", body=orjson.dumps(kept))


def cold_of(name: str, person: int, n: int = 0) -> Submission:
    """The `n`-th event of a private person, who must not convert."""
    made = of_person(name, person * HOT_EVERY + 1, n)
    own_id = f"{name}-{person}"
    body = {**orjson.loads(made.body), "external_id": own_id, "email": f"{own_id}@gmail.com"}
    return replace(made, event_id=f"{name}-{person}-e{n}", person=own_id, body=orjson.dumps(body))


async def leads_of(world: World, people: Sequence[str], topic: str) -> list[str]:
    """These people's leads, in their order, once all have come out on this topic."""

    async def known() -> list[str] | None:
        evidence = await world.pipeline.reader.catch_up()
        out = evidence.versions[topic]
        found = [next((lead for lead in evidence.lead_of.get(one, ()) if lead in out), None) for one in people]
        return [lead for lead in found if lead is not None] if None not in found else None

    return await world.until(known, f"{len(people)} people's leads come out on {topic}", 60)


async def lead_of(world: World, person: str, topic: str) -> str:
    """One person's lead, once it has come out on this topic."""
    (lead,) = await leads_of(world, [person], topic)
    return lead
