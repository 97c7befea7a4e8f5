"""F27: one key sends a hundred times what the others send. It is told to wait; the others notice nothing."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import urlsplit

from tests.chaos.crowd import cold_of
from tests.chaos.fault import Fault, World
from tests.chaos.fleet import ADMIN_KEY
from tests.chaos.people import Submission

# Of one key: some times what the load sends, a fraction of what the flood does.
_LIMITS = {"LEADSTREAM_KEY_RATE": "30", "LEADSTREAM_KEY_BURST": "30", "LEADSTREAM_ADDRESS_RATE": "0"}
_CONNECTIONS = 10
_TIMES = 100
# An answer waits for Kafka, on a busy machine for a while; beside the flood no longer than before it.
_QUIET_S, _SLOWEST_S = 3.0, 2.0


class NoisyNeighbour(Fault):
    name: ClassVar = "F27"
    title: ClassVar = "one key sends 100 times as much as the others"
    promise: ClassVar = "P7"
    short: ClassVar = 5
    full: ClassVar = 60

    def must(self, amount: float) -> Mapping[str, float]:
        return {"told to wait": 200 * amount, "let in": 30 * amount, "others let in": 5 * amount}

    async def inject(self, world: World, amount: float) -> None:
        await self._start_capture(world, **_LIMITS)
        calm = time.monotonic()
        await world.wait(_QUIET_S)
        before = max(each.seconds for each in world.pipeline.feed.answers_since(calm))
        began = time.monotonic()
        answers = await self._flood(world, amount)
        others = world.pipeline.feed.answers_since(began)
        world.require(set(answers) <= {202, 429}, f"the flood was answered {dict(answers)}")
        world.count("told to wait", answers[429])
        world.count("let in", answers[202])
        world.require(all(each.status in (202, 422) for each in others), "another key had to wait")
        slowest = max(each.seconds for each in others)
        longest = max(_SLOWEST_S, 2 * before)
        world.require(slowest < longest, f"another key waited {slowest:.1f} s for its answer, {before:.1f} s before")
        world.count("others let in", len(others))
        world.count("others' slowest ms", int(slowest * 1000))

    async def recover(self, world: World) -> None:
        await self._start_capture(world)

    async def _start_capture(self, world: World, **env: str) -> None:
        await world.fleet.stop("capture")
        world.fleet.launch("capture", **env)
        await world.fleet.ready()

    async def _flood(self, world: World, seconds: float) -> Counter[int]:
        """As fast as connections answer, at most a hundred times the rate of the load; what is let in is expected."""
        answers: Counter[int] = Counter()
        pause = _CONNECTIONS / (_TIMES * world.pipeline.feed.http_rate)
        flooding = [self._connection(world, answers, n, seconds, pause) for n in range(_CONNECTIONS)]
        await asyncio.gather(*flooding)
        return answers

    async def _connection(self, world: World, answers: Counter[int], number: int, seconds: float, pause: float) -> None:
        place = urlsplit(world.fleet.processes["capture"].url)
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        try:
            began, n = time.monotonic(), 0
            while time.monotonic() - began < seconds:
                submission = cold_of(f"noise{number}-{world.token}", n, n)
                status, retry_after = await _ask(reader, writer, submission)
                answers[status] += 1
                world.require(status != 429 or retry_after, "a 429 without Retry-After")
                if status == 202:
                    world.pipeline.feed.sent.acknowledged(submission)
                n += 1
                await asyncio.sleep(max(0.0, began + n * pause - time.monotonic()))
        finally:
            writer.close()


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, submission: Submission) -> tuple[int, bool]:
    """One request over a kept connection, by hand: a client library would need more of the machine than the service."""
    head = (
        f"POST /v1/leads HTTP/1.1\r\nHost: capture\r\nAuthorization: Bearer {ADMIN_KEY}\r\n"
        f"Idempotency-Key: {submission.event_id}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(submission.body)}\r\n\r\n"
    )
    writer.write(head.encode() + submission.body)
    answer = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    headers = dict(line.split(": ", 1) for line in answer.split("\r\n")[1:] if line)
    await reader.readexactly(int(headers.get("content-length", "0")))
    return int(answer.split()[1]), "retry-after" in headers


FAULTS = [NoisyNeighbour()]
