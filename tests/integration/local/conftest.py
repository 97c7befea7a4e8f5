"""What the tests of the local stack on real servers share."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from deploy.local.home import Home
from deploy.local.postgres import remove_place


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home of its own. As root its database is elsewhere, because pytest's folder is closed; that is removed too."""
    home = Home(tmp_path)
    yield home
    remove_place(home)


@pytest.fixture
def eventually() -> Callable[[Callable[[], object]], bool]:
    """Waits for a condition, fifteen seconds at most; answers whether it came true."""

    def wait(condition: Callable[[], object]) -> bool:
        give_up = time.monotonic() + 15.0
        while not condition():
            if time.monotonic() > give_up:
                return False
            time.sleep(0.05)
        return True

    return wait


@pytest.fixture
def runs() -> Callable[[int], bool]:
    """Whether a process runs; one that ended but was not yet collected does not."""

    def ask(pid: int) -> bool:
        try:
            return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    return ask
