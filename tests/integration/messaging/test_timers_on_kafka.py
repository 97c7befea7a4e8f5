"""Timers on real servers: every bell rings once, whatever happens to the replicas that send and handle it."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from shared.contracts.topics import SCORED
from tests.support import hop
from tests.support.process import ServiceProcess
from tests.support.stack import Servers
from tests.support.timer_hop import bell, set_bells
from tests.support.topics import read_to_end
from tests.support.waiting import eventually

pytestmark = pytest.mark.stack
BELLS = 6000


async def rung(servers: Servers) -> Counter[int]:
    return Counter(orjson.loads(record.value or b"")["n"] for record in await read_to_end(servers, SCORED))


async def test_every_timer_fires_once_though_a_replica_is_killed_meanwhile(own: Servers, tmp_path: Path) -> None:
    await hop.create_schema(own.postgres)
    due = datetime.now(UTC) - timedelta(days=1)
    await set_bells(own.postgres, [bell(n, due + timedelta(seconds=n)) for n in range(BELLS)])
    settings = {**own.environment(), "LEADSTREAM_SESSION_TIMEOUT_MS": "6000"}
    members = [
        ServiceProcess("tests.support.timer_hop", settings, tmp_path / f"{n}.log", replica=n).start() for n in range(2)
    ]

    async def some() -> bool:
        return len(await rung(own)) > 0

    async def all_of_them() -> bool:
        return len(await rung(own)) == BELLS

    try:
        await eventually(some, "the first bells rang", within=60, every=0.05)
        members[0].kill()
        await eventually(all_of_them, "every bell rang", within=60, every=0.3)
        assert set((await rung(own)).values()) == {1}
    finally:
        for member in members:
            member.kill()
