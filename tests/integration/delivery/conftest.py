"""One hop with the whole delivery promise, two members, and the oracle that every delivery test ends with."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest

from shared.contracts import ids
from shared.contracts.topics import CAPTURED, SCORED, dead_letter_topic
from tests.support import hop
from tests.support.process import ServiceProcess
from tests.support.stack import Servers
from tests.support.topics import envelope, produce, read_to_end
from tests.support.waiting import eventually

Start = Callable[..., ServiceProcess]


def lead_id(n: int) -> str:
    return ids.derive(ids.LEADS, str(n))


@dataclass
class Hop:
    """A hop of a test's own: feed it, start members, and see what came out."""

    servers: Servers
    folder: Path
    members: list[ServiceProcess]

    def member(self, number: int = 0, **env: str) -> ServiceProcess:
        settings = {**self.servers.environment(), "LEADSTREAM_SESSION_TIMEOUT_MS": "6000", **env}
        process = ServiceProcess("tests.support.hop", settings, self.folder / f"member-{number}.log", replica=number)
        self.members.append(process)
        return process.start()

    async def feed(self, first: int, last: int, *, poison: frozenset[int] = frozenset()) -> None:
        """Leads first..last-1, one event each, evenly over the partitions."""
        for place in range(self.servers.spine_partitions):
            records = [
                (
                    lead_id(n).encode(),
                    orjson.dumps({"lead_id": lead_id(n), "n": n, "poison": n in poison, "pad": "x" * 300}),
                    envelope("lead.captured", n, lead_id(n)),
                )
                for n in range(first, last)
                if n % self.servers.spine_partitions == place
            ]
            await produce(self.servers, CAPTURED, records, partition=place)

    async def seen(self) -> Counter[int]:
        """How often a read_committed reader sees each lead."""
        records = await read_to_end(self.servers, SCORED)
        return Counter(orjson.loads(record.value or b"")["n"] for record in records)

    async def settle(self, count: int, within: float = 60) -> Counter[int]:
        """Wait until `count` leads came out, and return what a reader sees."""

        async def enough() -> Counter[int] | None:
            seen = await self.seen()
            return seen if len(seen) >= count else None

        return await eventually(enough, f"{count} leads came out", within=within, every=0.3)

    async def exactly_once(self, count: int, *, but: frozenset[int] = frozenset(), within: float = 60) -> None:
        """0 lost, 0 duplicated."""
        expected = set(range(count)) - but
        seen = await self.settle(len(expected), within)
        doubled = {n: times for n, times in seen.items() if times > 1}
        assert not doubled, f"{len(doubled)} duplicated, e.g. {sorted(doubled)[:5]}"
        assert set(seen) == expected

    async def aborted(self) -> int:
        """Records that only a read_uncommitted reader sees: transactions that were aborted."""
        every = await read_to_end(self.servers, SCORED, committed=False)
        return len(every) - len(await read_to_end(self.servers, SCORED))

    async def dead_letters(self) -> list[dict[str, str]]:
        records = await read_to_end(self.servers, dead_letter_topic("scoring"))
        return [{name: value.decode(errors="replace") for name, value in record.headers} for record in records]


@pytest.fixture
async def one_hop(own: Servers, tmp_path: Path) -> AsyncIterator[Hop]:
    await hop.create_schema(own.postgres)
    made = Hop(own, tmp_path, [])
    try:
        yield made
    except BaseException:
        raise
    finally:
        for member in made.members:
            member.kill()
