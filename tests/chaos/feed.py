"""The steady load: sources that send at a rate and try again until they are told that their event is taken."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from shared.contracts.topics import INBOUND, partition_for
from tests.chaos.fleet import SOURCE_KEY
from tests.chaos.oracle import Sent
from tests.chaos.people import Submission
from tests.support import http
from tests.support.stack import Servers
from tests.support.waiting import eventually

_TICK_S = 0.05
_MOST_WAITING = 5_000
# Of each who was not told that its event is taken: all at once, and often, they would take the machine from the services.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 4.0
_MOST_ASKING = 50


@dataclass(frozen=True, slots=True)
class Answer:
    """What HTTP said: status 0 where nobody answered."""

    at: float
    status: int
    seconds: float
    retry_after: bool = False


class Feed:
    """`rate` events a second straight to Kafka, not over a line, and `http_rate` requests a second to capture."""

    def __init__(
        self, servers: Servers, people: Iterator[Submission], url: Callable[[], str], *, rate: float, http_rate: float
    ) -> None:
        self.sent = Sent()
        self.answers: list[Answer] = []
        self.rate = rate
        self.http_rate = http_rate
        self._servers = servers
        self._people = people
        self._url = url
        self._flowing = asyncio.Event()
        self._open: set[asyncio.Task[None]] = set()
        self._asking = 0
        self._producer: AIOKafkaProducer | None = None
        self._feeding: asyncio.Task[None] | None = None
        self._client = http.client(
            timeout=15, limits=httpx.Limits(max_connections=_MOST_ASKING, max_keepalive_connections=4)
        )

    async def begin(self) -> None:
        self._feeding = asyncio.create_task(self._feed())

    async def end(self) -> None:
        for task in (self._feeding, *self._open):
            if task is not None:
                task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*self._open, return_exceptions=True)
        await self._client.aclose()
        if self._producer is not None:
            await self._producer.stop()

    def flow(self) -> None:
        """Send from now on."""
        self._flowing.set()

    def burst(self, count: int) -> None:
        """Send so many at once, straight to Kafka."""
        for _ in range(count):
            self.send(next(self._people))

    async def pause(self, within: float = 60) -> None:
        """Send nothing new, and wait until everything sent is acknowledged."""
        self._flowing.clear()

        async def done() -> bool:
            return not self._open

        try:
            await eventually(done, "what was sent is acknowledged", within=within)
        except AssertionError as error:
            last = [(answer.status, round(answer.seconds, 1)) for answer in self.answers[-5:]]
            raise AssertionError(f"{error}; {len(self._open)} are not, {self._asking} over HTTP, last {last}") from None

    def answers_since(self, moment: float) -> list[Answer]:
        """Answers over HTTP to requests made since `moment` (monotonic)."""
        return [answer for answer in self.answers if answer.at >= moment]

    def send(self, submission: Submission) -> None:
        """Send one straight to Kafka, until it is acknowledged."""
        self._track(self._deliver(submission))

    def post(self, submission: Submission) -> None:
        """Send one over HTTP, until it is acknowledged."""
        self._track(self._ask(submission))

    def _track(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _feed(self) -> None:
        owed = owed_http = 0.0
        last = time.monotonic()
        while True:
            await asyncio.sleep(_TICK_S)
            now = time.monotonic()
            passed, last = min(now - last, 1.0), now
            if not self._flowing.is_set() or len(self._open) > _MOST_WAITING:
                continue
            owed, owed_http = owed + passed * self.rate, owed_http + passed * self.http_rate
            for _ in range(int(owed)):
                self.send(next(self._people))
            for _ in range(int(owed_http)):
                if self._asking < _MOST_ASKING:
                    self.post(next(self._people))
            owed, owed_http = owed % 1, owed_http % 1

    async def _deliver(self, submission: Submission) -> None:
        key = (submission.person or submission.event_id).encode()
        headers = [
            ("ce_source", b"partner"),
            ("ce_id", submission.event_id.encode()),
            ("ce_type", b"lead.submitted"),
        ]
        name = self._servers.names.topic(INBOUND)
        partition = partition_for(key, self._servers.spine_partitions)
        pause = _FIRST_PAUSE_S
        while True:
            try:
                producer = await self._usable_producer()
                await producer.send_and_wait(name, submission.body, key=key, partition=partition, headers=headers)
            except (KafkaError, TimeoutError, OSError):
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_S)
                continue
            self.sent.acknowledged(submission)
            return

    async def _usable_producer(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = AIOKafkaProducer(
                bootstrap_servers=self._servers.kafka, acks="all", linger_ms=5, retry_backoff_ms=50
            )
            self._producer = producer
            await producer.start()
        return self._producer

    async def _ask(self, submission: Submission) -> None:
        self._asking += 1
        try:
            while not await self._asked(submission):  # noqa: ASYNC110 - a client that tries again
                await asyncio.sleep(0.3)
        finally:
            self._asking -= 1
        self.sent.acknowledged(submission)

    async def _asked(self, submission: Submission) -> bool:
        headers = {
            "Authorization": f"Bearer {SOURCE_KEY}",
            "Idempotency-Key": submission.event_id,
            "Content-Type": "application/json",
        }
        began = time.monotonic()
        try:
            answer = await self._client.post(f"{self._url()}/v1/leads", content=submission.body, headers=headers)
        except (httpx.HTTPError, OSError, AttributeError):  # the last: a connection that is gone before it is looked at
            self.answers.append(Answer(began, 0, time.monotonic() - began))
            return False
        self.answers.append(
            Answer(began, answer.status_code, time.monotonic() - began, "retry-after" in answer.headers)
        )
        # 422 with a receipt: stored all the same, and refused for its content.
        return answer.status_code in (200, 202) or (answer.status_code == 422 and "receipt_id" in answer.text)
