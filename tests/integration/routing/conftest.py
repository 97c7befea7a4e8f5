"""Routing as processes, on topics and a database of a test's own."""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest

from shared.contracts.topics import ROUTED, SCORED
from tests.support.process import ServiceProcess
from tests.support.routing import lead_id, prepare, scored
from tests.support.stack import Servers
from tests.support.topics import envelope, produce, read_to_end
from tests.support.waiting import eventually

ADMIN = "an-admin-key-of-this-test"


@dataclass
class Routing:
    """Feed it scored leads, start members of the group, see what a reader of the routed leads sees."""

    servers: Servers
    folder: Path
    processes: list[ServiceProcess] = field(default_factory=list)

    def member(self, number: int = 0, **env: str) -> ServiceProcess:
        settings = {**self.servers.environment(), "LEADSTREAM_SESSION_TIMEOUT_MS": "6000", **env}
        settings["LEADSTREAM_ADMIN_KEY"] = ADMIN
        log = self.folder / f"routing-{number}.log"
        process = ServiceProcess("services.routing.main", settings, log, replica=number)
        self.processes.append(process)
        return process.start()

    async def feed(self, numbers: range, **fields: Any) -> None:
        """One `lead.scored` for each number, by partition."""
        for place in range(self.servers.spine_partitions):
            records = [
                (
                    lead_id(n).encode(),
                    orjson.dumps(scored(n, **fields)),
                    envelope("lead.scored", f"{n}/{sorted(fields.items())}", lead_id(n)),
                )
                for n in numbers
                if n % self.servers.spine_partitions == place
            ]
            await produce(self.servers, SCORED, records, partition=place)

    async def routed(self, count: int, within: float = 60) -> list[dict[str, Any]]:
        """What a read_committed reader sees, once there are `count` events; each one once, keyed by its lead."""

        async def enough() -> list[Any]:
            records = await read_to_end(self.servers, ROUTED)
            return records if len(records) >= count else []

        records = await eventually(enough, f"{count} routed leads came out", within=within, every=0.3)
        event_ids = [dict(record.headers)["ce_id"] for record in records]
        assert len(set(event_ids)) == len(event_ids)
        found = [orjson.loads(record.value or b"") for record in records]
        assert [data["lead"]["lead_id"].encode() for data in found] == [record.key for record in records]
        return found


def shares(routed: list[dict[str, Any]]) -> Counter[str]:
    """How many leads each owner holds."""
    return Counter({data["lead"]["lead_id"]: data["assignment"]["owner"] for data in routed}.values())


@pytest.fixture
async def routing(own: Servers, tmp_path: Path) -> AsyncIterator[Routing]:
    await prepare(own.postgres)
    made = Routing(own, tmp_path)
    try:
        yield made
    finally:
        for process in made.processes:
            process.kill()
