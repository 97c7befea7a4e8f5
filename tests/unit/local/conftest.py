"""What the tests of the local stack share."""

import time
from collections.abc import Callable

import psutil
import pytest

Eventually = Callable[[Callable[[], object]], bool]
Runs = Callable[[int], bool]


@pytest.fixture
def eventually() -> Eventually:
    """Waits for a condition, ten seconds at most; answers whether it came true."""

    def wait(condition: Callable[[], object]) -> bool:
        give_up = time.monotonic() + 10.0
        while not condition():
            if time.monotonic() > give_up:
                return False
            time.sleep(0.02)
        return True

    return wait


@pytest.fixture
def runs() -> Runs:
    """Whether a process runs; one that ended but was not yet collected does not."""

    def ask(pid: int) -> bool:
        try:
            return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    return ask
