"""The services' processes: started, counted, asked, started again, stopped."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from deploy.local.envfile import read_env
from deploy.local.errors import StackError
from deploy.local.home import Home
from deploy.local.processes import ProcessOwner
from deploy.local.services import ServiceFleet

Eventually = Callable[[Callable[[], object]], bool]
Runs = Callable[[int], bool]
PROGRAM = Path(__file__).with_name("service_program.py")


class Fixture:
    """A fleet of two services whose program a test can choose."""

    def __init__(self, folder: Path) -> None:
        self.mode = "ready"
        self.lines: list[str] = []
        self.home = Home(folder)
        self.home.prepare()
        self.owner = ProcessOwner(self.home.children_file)
        self.fleet = ServiceFleet(
            self.home,
            self.owner,
            dict(os.environ),
            command=self.command,
            services=("capture", "scoring"),
            report=self.lines.append,
        )

    def command(self, service: str) -> Sequence[str]:
        return [sys.executable, str(PROGRAM), self.mode]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Fixture]:
    fixture = Fixture(tmp_path)
    yield fixture
    fixture.fleet.down()
    fixture.owner.close(0.0)


def test_each_service_gets_a_process_a_port_and_a_published_address(running: Fixture) -> None:
    running.fleet.up()
    running.fleet.wait_ready(10.0)
    rows = {row.service: row for row in running.fleet.status()}
    assert {name: (row.replica, row.ready, row.lag, row.restarts) for name, row in rows.items()} == {
        "capture": (0, True, 42, 0),
        "scoring": (0, True, 42, 0),
    }
    env = read_env(running.home.env_file)
    assert env["LEADSTREAM_CAPTURE_URL"] == f"http://127.0.0.1:{rows['capture'].port}"
    assert any(line.startswith("capture-0: ready") for line in running.lines)


def test_up_again_changes_nothing(running: Fixture) -> None:
    running.fleet.up()
    before = [row.pid for row in running.fleet.status()]
    running.fleet.up()
    assert [row.pid for row in running.fleet.status()] == before


def test_scaling_adds_replicas_on_their_own_ports_and_takes_the_last_away(running: Fixture, runs: Runs) -> None:
    running.fleet.up(["scoring"])
    running.fleet.scale("scoring", 3)
    running.fleet.wait_ready(10.0)
    rows = running.fleet.status()
    assert [row.replica for row in rows] == [0, 1, 2]
    assert len({row.port for row in rows}) == 3
    running.fleet.scale("scoring", 1)
    assert [row.pid for row in running.fleet.status()] == [rows[0].pid]
    assert not any(runs(row.pid or 0) for row in rows[1:])


def test_a_killed_service_is_started_again_on_its_port(running: Fixture, eventually: Eventually) -> None:
    running.fleet.up(["capture"])
    running.fleet.wait_ready(10.0)
    port = running.fleet.status()[0].port
    pid = running.fleet.kill("capture")
    assert eventually(lambda: running.fleet.status()[0].ready and running.fleet.status()[0].pid != pid)
    row = running.fleet.status()[0]
    assert (row.restarts, row.port) == (1, port)


def test_a_service_that_keeps_ending_is_given_up_with_the_end_of_its_log(running: Fixture) -> None:
    running.mode = "ends"
    running.fleet.up(["capture"])
    with pytest.raises(StackError, match="no database today") as caught:
        running.fleet.wait_ready(30.0)
    assert caught.value.component == "capture-0"
    assert "ended 4 times" in str(caught.value)


def test_one_that_is_never_ready_is_given_up_at_the_deadline(running: Fixture) -> None:
    running.mode = "unready"
    running.fleet.up(["capture"])
    with pytest.raises(StackError, match="was not ready in time"):
        running.fleet.wait_ready(1.0)
    row = running.fleet.status()[0]
    assert (row.ready, row.lag) == (False, 42)


def test_a_restart_gives_a_new_process(running: Fixture) -> None:
    running.fleet.up(["capture"])
    running.fleet.wait_ready(10.0)
    before = running.fleet.status()[0].pid
    running.fleet.restart("capture")
    running.fleet.wait_ready(10.0)
    assert running.fleet.status()[0].pid not in (None, before)


def test_down_leaves_no_process(running: Fixture, runs: Runs) -> None:
    running.fleet.up()
    pids = [row.pid for row in running.fleet.status()]
    running.fleet.down()
    assert not any(runs(pid or 0) for pid in pids)
    assert running.fleet.status() == []


@pytest.mark.parametrize("call", ["scale", "restart", "up"])
def test_an_unknown_service_is_refused(running: Fixture, call: str) -> None:
    arguments = {"scale": ("billing", 1), "restart": ("billing",), "up": (["billing"],)}[call]
    with pytest.raises(ValueError, match="no such service"):
        getattr(running.fleet, call)(*arguments)
