"""Scores that turn by themselves, on real servers: each crossing is told once, whatever happens to the replicas."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest

from shared.contracts.topics import LEAD_EVENTS, SCORED
from tests.support.process import ServiceProcess
from tests.support.scoring import behaved, create_schema, lead_id
from tests.support.stack import Servers
from tests.support.topics import envelope, produce, read_to_end
from tests.support.turning import DAYS, set_turning
from tests.support.waiting import eventually

pytestmark = [pytest.mark.stack, pytest.mark.processes]
LEADS = 3000


async def turned(servers: Servers) -> list[dict[str, Any]]:
    """What was told of each, as a downstream reader sees it."""
    return [orjson.loads(record.value or b"") for record in await read_to_end(servers, SCORED)]


async def test_every_score_turns_once_though_a_replica_is_killed_meanwhile(own: Servers, tmp_path: Path) -> None:
    await create_schema(own.postgres)
    soon = datetime.now(UTC) + timedelta(seconds=1)
    await set_turning(own.postgres, [soon + timedelta(milliseconds=n) for n in range(LEADS)])
    env = {**own.environment(), "LEADSTREAM_SESSION_TIMEOUT_MS": "6000"}
    members = [ServiceProcess("services.scoring.main", env, tmp_path / f"{n}.log", replica=n).start() for n in range(2)]

    async def some() -> bool:
        return len(await turned(own)) > 0

    async def all_of_them() -> bool:
        return len(await turned(own)) >= LEADS

    try:
        await eventually(some, "the first score turned", within=120, every=0.05)
        members[0].kill()
        await eventually(all_of_them, "every score turned", within=120, every=0.3)
        told = await turned(own)
        assert Counter(each["lead"]["lead_id"] for each in told) == {lead_id(n): 1 for n in range(LEADS)}
        assert {(each["score"]["temperature"], each["score"]["value"]) for each in told} == {("cold", 0)}
        assert all(each["score"]["scored_at"] >= soon.isoformat()[:19] for each in told)
    finally:
        for member in members:
            member.kill()


async def test_behaviour_reaches_the_score_and_moves_its_turn(own: Servers, tmp_path: Path) -> None:
    await create_schema(own.postgres)
    later = datetime.now(UTC) + timedelta(days=1)
    await set_turning(own.postgres, [later] * 5)
    process = ServiceProcess("services.scoring.main", own.environment(), tmp_path / "scoring.log")
    async with process:
        await process.start().ready()
        fresh = datetime.now(UTC)
        records = [
            (
                lead_id(n).encode(),
                behaved(n, "form.submitted", instant=fresh),
                envelope("lead.behaved", f"fresh {n}", lead_id(n)),
            )
            for n in range(5)
        ]
        await produce(own, LEAD_EVENTS, [*records, *records])  # twice: the same events

        async def told() -> list[dict[str, Any]] | None:
            found = await turned(own)
            return found if len(found) >= 5 else None

        found = await eventually(told, "five scores", within=60, every=0.2) or []
        assert {each["score"]["contributions"][0]["count"] for each in found} == {2}
        connection = await asyncpg.connect(own.postgres)
        try:
            due = await connection.fetch(
                "SELECT due_at FROM scoring.timers WHERE kind = 'score.turn' AND done_at IS NULL"
            )
        finally:
            await connection.close()
        assert len(due) == 5
        assert all(timedelta(0) <= row["due_at"] - fresh - timedelta(days=DAYS) < timedelta(seconds=2) for row in due)
