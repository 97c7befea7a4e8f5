"""The chaos harness itself, on the smallest scale: one fault that bites, one that is told apart when it does not."""

import pytest

from tests.chaos.faults.f02_failpoints import Crashes
from tests.chaos.pipeline import Load
from tests.chaos.run import Wish, run
from tests.chaos.verdict import NOTHING, PASSED, table

pytestmark = [pytest.mark.stack, pytest.mark.processes, pytest.mark.timeout(240)]


class OneCrash(Crashes):
    name = "one crash"
    short = 1

    def must(self, amount: float) -> dict[str, float]:
        return {"crashes": amount, "restarts": amount}


class NoCrash(OneCrash):
    name = "no crash"

    async def inject(self, world: object, amount: float) -> None:
        """Does nothing: must be found out."""


async def test_a_crash_is_survived_and_a_fault_that_did_not_bite_proves_nothing() -> None:
    said: list[str] = []
    faults = [OneCrash(), NoCrash()]
    verdicts = await run(Wish(faults, seed=3, full=False, load=Load(rate=40, http_rate=4), say=said.append))
    assert [verdict.verdict for verdict in verdicts] == [PASSED, NOTHING], "\n".join(said)
    assert "make chaos ONLY=no crash SEED=3" in table(verdicts, {})
