"""Asking the services over HTTP, as an administrator does."""

import asyncio
from typing import Any

import httpx

from tests.chaos.fault import Broken, World
from tests.chaos.fleet import ADMIN_KEY
from tests.support import http

_WITHIN_S = 30.0
_ANSWERED_WITHIN_S = 15.0


async def ask(world: World, service: str, method: str, path: str, body: Any = None) -> httpx.Response:
    """One request. Raises Broken for an answer of 500 and above other than 503, and for none."""
    headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
    url = world.fleet.processes[service].url
    async with http.client(url, timeout=_ANSWERED_WITHIN_S, headers=headers) as client:
        try:
            answer = await client.request(method, path, json=body)
        except httpx.TimeoutException as error:
            raise Broken(f"{service} has not answered within {_ANSWERED_WITHIN_S:g} s") from error
    world.require(answer.status_code < 500 or answer.status_code == 503, f"{service} answered {answer.status_code}")
    return answer


async def command(world: World, service: str, path: str, body: Any = None) -> dict[str, Any]:
    """What became of a command, however long it takes."""
    answer = await ask(world, service, "POST", path, body)
    found: dict[str, Any] = answer.json()
    if answer.status_code != httpx.codes.ACCEPTED:
        return found

    async def completed() -> dict[str, Any] | None:
        said: dict[str, Any] = (await ask(world, service, "GET", answer.headers["location"])).json()
        return None if said["status"] == "pending" else said

    return await world.until(completed, "a command is completed", _WITHIN_S)


async def convert(world: World, lead_id: str) -> dict[str, Any]:
    """The ids of a lead's conversion, asked for until conversion knows the lead."""
    asked = 0

    async def converted() -> dict[str, Any] | None:
        nonlocal asked
        asked += 1
        said = await command(world, "conversion", f"/v1/leads/{lead_id}/convert")
        world.require(said.get("reason") in (None, "unknown_lead"), f"a conversion was refused: {said.get('reason')}")
        return said["result"] if said["status"] == "done" else None

    return await world.until(converted, "a lead is converted by command", _WITHIN_S)


async def replay_letters(world: World, service: str, event_ids: set[str], times: int = 1) -> int:
    """Replay these events' dead letters, each so many times at once; how many replays were answered as done."""

    if not event_ids:
        return 0

    async def held() -> list[str] | None:
        answer = await ask(world, "reporting", "GET", f"/v1/dead-letters?service={service}&limit=200")
        letters = [row["id"] for row in answer.json()["dead_letters"] if row["event_id"] in event_ids]
        listed.append(len(letters))
        return letters if len(letters) == len(event_ids) else None

    listed: list[int] = []
    try:
        letters = await world.until(held, f"dead letters of {service} are listed", _WITHIN_S)
    except Broken as error:
        raise Broken(f"{error}: {listed[-1]} of {len(event_ids)} events, {listed[0]} at first") from error
    wanted = [f"/v1/dead-letters/{letter}/replay" for letter in letters for _ in range(times)]
    answers = await asyncio.gather(*(ask(world, "reporting", "POST", path, {}) for path in wanted))
    return sum(answer.status_code in (200, 202) for answer in answers)
