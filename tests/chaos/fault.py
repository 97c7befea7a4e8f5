"""What a fault is, and the world that it is done to."""

import asyncio
import random
import secrets
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, TypeVar

from tests.chaos.fleet import Fleet
from tests.chaos.pipeline import Pipeline
from tests.chaos.servers import Ground, Line
from tests.support.stack import Servers
from tests.support.waiting import eventually

T = TypeVar("T")


class Broken(AssertionError):
    """A promise that the fault itself watches was broken; the text says which."""


class NotRun(Exception):
    """The fault cannot be done on this machine; the text says what is missing. That is no verdict about the services."""


@dataclass
class World:
    """What a fault works on. The load flows from before `inject` until after `recover`.

    `token` is a word that no other fault uses, to name people of its own with.
    """

    ground: Ground
    pipeline: Pipeline
    rng: random.Random
    full: bool
    counts: Counter[str] = field(default_factory=Counter)
    token: str = field(default_factory=lambda: secrets.token_hex(4))

    @property
    def fleet(self) -> Fleet:
        return self.pipeline.fleet

    @property
    def servers(self) -> Servers:
        """The pipeline's topics and database, reached directly (what `tests.support.topics` takes)."""
        return self.pipeline.servers

    def line(self, name: str) -> Line:
        """The proxies between a service (or `guest`) and Kafka, Postgres, Redis."""
        return self.ground.lines[name]

    def count(self, name: str, n: int = 1) -> None:
        """Note that the fault bit."""
        self.counts[name] += n

    async def wait(self, seconds: float) -> None:
        """Let the load run on for a while."""
        await asyncio.sleep(seconds)

    async def until(self, condition: Callable[[], Awaitable[T | None]], what: str, within: float = 30.0) -> T:
        """Wait for a condition. Raises Broken with `what`."""
        try:
            return await eventually(condition, what, within=within, every=0.1)
        except AssertionError as error:
            raise Broken(str(error)) from error

    async def sql(self, query: str, *args: object) -> list[Mapping[str, object]]:
        """Ask the pipeline's database, as its owner."""
        return [dict(row) for row in await self.ground.sql(query, *args, dsn=self.servers.postgres)]

    def require(self, kept: bool, promise: str) -> None:
        """Raises Broken where a promise is not kept."""
        if not kept:
            raise Broken(promise)


class Fault(ABC):
    """One fault. `amount` is `short` or `full`, in the fault's own unit (kills, seconds, rounds).

    `must(amount)` names what must have been counted at least, by `World.count` or by the harness (redelivered, aborted
    records, fenced, batches dropped, batches retried, waits <Error>, waits for stable offsets, dead letters, restarts,
    log <event>): a fault that did not bite proves nothing. `alone` asks for a pipeline of its own; `leaves_damage`
    says that nobody else can use the pipeline afterwards. `limit_s` ends a fault that hangs.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    promise: ClassVar[str]
    short: ClassVar[float]
    full: ClassVar[float]
    alone: ClassVar[bool] = False
    leaves_damage: ClassVar[bool] = False
    limit_s: ClassVar[float] = 180.0

    @abstractmethod
    def must(self, amount: float) -> Mapping[str, float]:
        """What must have happened at least."""

    def must_not(self, _amount: float) -> tuple[str, ...]:
        """What must not have happened at all: names as in `must`."""
        return ("log lane_failed", "log batch_failed_unexpectedly")

    @abstractmethod
    async def inject(self, world: World, amount: float) -> None:
        """Do it, under load. Raises Broken where a promise of this fault alone is not kept, NotRun where it cannot be done
        here."""

    async def recover(self, world: World) -> None:  # noqa: B027 - most have nothing to undo
        """Undo it. Servers are up and lines are mended afterwards without asking; services are awaited."""
