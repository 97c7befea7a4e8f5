"""F24: a rule computes for longer than the session lasts, and no heartbeat is sent: the member is expelled."""

from collections.abc import Mapping
from typing import ClassVar

from tests.chaos.fault import Fault, World
from tests.chaos.fleet import SESSION_TIMEOUT_S


class BlockedLoop(Fault):
    name: ClassVar = "F24"
    title: ClassVar = "event loop blocked beyond the session timeout"
    promise: ClassVar = "P3"
    short: ClassVar = 1
    full: ClassVar = 5

    def must(self, amount: float) -> Mapping[str, float]:
        wanted = {"blocked": amount, "batches dropped": amount, "log event_loop_blocked": amount}
        # Blocked for longer, a batch is not stored either: Postgres ends a session that is idle in its transaction.
        return wanted | ({"redelivered": 1} if amount == self.short else {})

    async def inject(self, world: World, amount: float) -> None:
        for n in range(int(amount)):
            victim = ("scoring", "conversion", "routing")[n % 3]
            await world.until(lambda victim=victim: world.fleet.works(victim), f"{victim} works", within=60)  # type: ignore[misc]
            seconds = 15.0 if world.full else SESSION_TIMEOUT_S + 2.0
            world.fleet.arm(victim, f"in-store=block:{world.rng.randint(1, 3)}:{seconds}")
            await world.wait(seconds + 2.0)
            world.count("blocked")


FAULTS = [BlockedLoop()]
