"""F41, F42: a member is stopped in mid-batch for longer than its session, another takes over, and the first awakes."""

from collections.abc import Mapping
from typing import ClassVar

from tests.chaos.fault import Fault, World
from tests.chaos.groups import members_of

_SERVICES = ("scoring", "routing", "conversion")


async def stopped_at(world: World, victim: str, point: str) -> None:
    """Arm a failpoint that stops the process, and wait until it has."""
    await world.until(lambda: world.fleet.works(victim), f"{victim} works", within=60)
    world.fleet.arm(victim, f"{point}=stop:{world.rng.randint(1, 3)}")

    async def frozen() -> bool:
        return world.fleet.processes[victim].frozen()

    await world.until(frozen, f"{victim} stops at {point}", within=30)


class Zombies(Fault):
    """Stopped after producing, or (every third) anywhere. Its commit comes after another member did the work."""

    name: ClassVar = "F41"
    title: ClassVar = "zombies: SIGSTOP in mid-batch, past the session, SIGCONT"
    promise: ClassVar = "P3"
    short: ClassVar = 2
    full: ClassVar = 21

    def must(self, amount: float) -> Mapping[str, float]:
        return {"zombies": amount, "aborted records": 1, "fenced": 1}

    async def inject(self, world: World, amount: float) -> None:
        rounds = [_SERVICES[n % 3] for n in range(int(amount))] if world.full else ["scoring"] * int(amount)
        for n, victim in enumerate(sorted(rounds)):
            name = f"{victim}-1"
            if name not in world.fleet.members:
                await world.fleet.guest(victim)
            await self._zombie(world, victim, anywhere=n % 3 == 2)
        await self.recover(world)

    async def _zombie(self, world: World, victim: str, *, anywhere: bool) -> None:
        if anywhere:
            await world.wait(world.rng.uniform(0.2, 1.0))
            world.fleet.freeze(victim)
        else:
            await stopped_at(world, victim, "after-produce")

        async def taken_over() -> bool:
            return await members_of(world.servers, victim) == 1

        await world.until(taken_over, f"the other member of {victim} owns all partitions", within=40)
        await world.wait(world.rng.uniform(0.2, 1.5))
        world.fleet.thaw(victim)
        world.count("zombies")
        await world.until(lambda: world.fleet.works(victim), f"{victim} is a member again", within=60)

    async def recover(self, world: World) -> None:
        for victim in _SERVICES:
            world.fleet.thaw(victim)
            if f"{victim}-1" in world.fleet.members:
                await world.fleet.release(f"{victim}-1")


class OpenTransactions(Fault):
    """Stopped between the offsets and the end of its transaction; the next owner must wait for that end."""

    name: ClassVar = "F42"
    title: ClassVar = "stopped between the offset commit and EndTxn"
    promise: ClassVar = "P3"
    short: ClassVar = 1
    full: ClassVar = 10

    def must(self, amount: float) -> Mapping[str, float]:
        return {"stopped before EndTxn": amount, "new owner waited": amount}

    async def inject(self, world: World, amount: float) -> None:
        guest = await world.fleet.guest("routing")
        for _ in range(int(amount)):
            before = await guest.metric("unstable_offset_waits_total")
            await stopped_at(world, "routing", "before-end-transaction")
            world.count("stopped before EndTxn")

            async def waited(before: float = before) -> bool:
                return await guest.metric("unstable_offset_waits_total") > before

            await world.until(waited, "the new owner waits for stable offsets", within=30)
            world.count("new owner waited")
            world.fleet.thaw("routing")
            await world.until(lambda: world.fleet.works("routing"), "routing is a member again", within=60)

    async def recover(self, world: World) -> None:
        world.fleet.thaw("routing")
        if "routing-1" in world.fleet.members:
            await world.fleet.release("routing-1")


FAULTS = [Zombies(), OpenTransactions()]
