"""F11: the network between a service and a server is cut, one way and both, for longer than a session lasts."""

from collections.abc import Mapping
from typing import ClassVar, NamedTuple

from tests.chaos.fault import Fault, World
from tests.chaos.fleet import SESSION_TIMEOUT_S
from tests.chaos.groups import members_of


class Cut(NamedTuple):
    """Which line, which server, which ways."""

    service: str
    server: str
    there: bool
    back: bool


_CUTS = (
    Cut("scoring", "kafka", there=True, back=True),
    Cut("routing", "kafka", there=False, back=True),
    Cut("conversion", "postgres", there=True, back=True),
    Cut("capture", "kafka", there=True, back=False),
    Cut("reporting", "postgres", there=False, back=True),
    Cut("capture", "postgres", there=True, back=False),
)


class NetworkCuts(Fault):
    """What was held back is delivered afterwards, as a network does: a late commit comes in, and must be refused."""

    name: ClassVar = "F11"
    title: ClassVar = "network cut, one way and both, beyond the session"
    promise: ClassVar = "P3, P7"
    short: ClassVar = 1
    full: ClassVar = 10

    def must(self, amount: float) -> Mapping[str, float]:
        return {"cuts": len(_CUTS) * amount, "taken over": amount}

    async def inject(self, world: World, amount: float) -> None:
        for _ in range(int(amount)):
            await self._zombie_line(world)
            for cut in _CUTS[1:]:
                self._hang(world, cut)
            await world.wait(SESSION_TIMEOUT_S + (25 if world.full else 2))
            self._mend(world)
            await world.fleet.ready()

    async def _zombie_line(self, world: World) -> None:
        """The one that is cut off has a companion, who takes its partitions while it still believes to own them."""
        await world.fleet.guest("scoring")
        self._hang(world, _CUTS[0])

        async def alone() -> bool:
            return await members_of(world.servers, "scoring") == 1

        await world.until(alone, "the companion owns all partitions", within=30)
        world.count("taken over")
        self._mend(world)
        await world.wait(1.0)
        await world.fleet.release("scoring-1")

    def _hang(self, world: World, cut: Cut) -> None:
        line = world.line(cut.service)
        proxy = line.kafka if cut.server == "kafka" else line.postgres
        proxy.hang(there=cut.there, back=cut.back)
        world.count("cuts")

    def _mend(self, world: World) -> None:
        for cut in _CUTS:
            world.line(cut.service).kafka.mend()
            world.line(cut.service).postgres.mend()


FAULTS = [NetworkCuts()]
