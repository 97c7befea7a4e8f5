"""Children end with their owner, whatever ends it, and are stopped gently first."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from deploy.local.home import write_json
from deploy.local.processes import Account, Child, ChildPlan, ProcessOwner, become, end_leftovers

Eventually = Callable[[Callable[[], object]], bool]
Runs = Callable[[int], bool]
StartOwner = Callable[[str], tuple[subprocess.Popen[str], int]]
OBSTINATE = "trap '' TERM INT; echo ready; while :; do /bin/sleep 1; done"
PATIENT = "/bin/sleep 1000"


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[ProcessOwner]:
    owner = ProcessOwner(tmp_path / "children.json")
    yield owner
    owner.close(0.0)


def plan(tmp_path: Path, script: str) -> ChildPlan:
    return ChildPlan("child", ["/bin/sh", "-c", script], tmp_path / "child.log", dict(os.environ), tmp_path)


@pytest.fixture
def start_owner(tmp_path: Path) -> Iterator[StartOwner]:
    """Starts a program that owns one child; answers it and the child's pid."""
    started: list[subprocess.Popen[str]] = []

    def start(script: str) -> tuple[subprocess.Popen[str], int]:
        command = [sys.executable, str(Path(__file__).with_name("owner_program.py")), str(tmp_path / "children.json")]
        environ = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        process = subprocess.Popen([*command, "/bin/sh", "-c", script], stdout=subprocess.PIPE, text=True, env=environ)
        started.append(process)
        assert process.stdout is not None
        return process, int(process.stdout.readline())

    yield start
    for process in started:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def watchdog_of(pid: int) -> psutil.Process:
    """The watchdog of an owner; right after its start a process has no command line for a moment."""
    give_up = time.monotonic() + 10.0
    while time.monotonic() < give_up:
        for child in psutil.Process(pid).children():
            if child.status() != psutil.STATUS_ZOMBIE and "watchdog.py" in " ".join(child.cmdline()):
                return child
        time.sleep(0.02)
    raise AssertionError("the owner has no watchdog")


@pytest.mark.parametrize("script", [PATIENT, OBSTINATE])
def test_a_child_ends_when_its_owner_is_killed(
    start_owner: StartOwner, eventually: Eventually, runs: Runs, script: str
) -> None:
    process, child = start_owner(script)
    watchdog = watchdog_of(process.pid)
    process.kill()
    process.wait()
    assert eventually(lambda: not runs(child))
    assert eventually(lambda: not watchdog.is_running())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_a_child_ends_even_when_owner_and_watchdog_are_killed(
    start_owner: StartOwner, eventually: Eventually, runs: Runs
) -> None:
    process, child = start_owner(PATIENT)
    watchdog_of(process.pid).kill()
    process.kill()
    process.wait()
    assert eventually(lambda: not runs(child))


def test_grandchildren_end_too(start_owner: StartOwner, tmp_path: Path, eventually: Eventually, runs: Runs) -> None:
    process, child = start_owner("/bin/sleep 1000 & echo $! > grandchild; wait")
    grandchild = tmp_path / "grandchild"
    assert eventually(lambda: grandchild.exists() and grandchild.read_text().strip())
    process.kill()
    process.wait()
    assert eventually(lambda: not runs(child) and not runs(int(grandchild.read_text())))


def test_a_killed_watchdog_is_replaced_and_told_everything_again(
    owner: ProcessOwner, tmp_path: Path, eventually: Eventually
) -> None:
    first = owner.spawn(plan(tmp_path, PATIENT))
    old = watchdog_of(os.getpid())
    old.kill()
    assert eventually(lambda: old.status() == psutil.STATUS_ZOMBIE)
    second = owner.spawn(plan(tmp_path, PATIENT))
    third = owner.spawn(plan(tmp_path, PATIENT))
    assert all(child.alive() for child in (first, second, third))
    assert watchdog_of(os.getpid()).pid != old.pid


def test_stopping_is_gentle_first(owner: ProcessOwner, tmp_path: Path, eventually: Eventually) -> None:
    script = "trap 'echo bye; exit 0' TERM; echo ready; while :; do /bin/sleep 0.05; done"
    child = owner.spawn(plan(tmp_path, script))
    assert eventually(lambda: "ready" in (tmp_path / "child.log").read_text())
    assert owner.stop(child, 5.0)
    assert "bye" in (tmp_path / "child.log").read_text()


def test_what_does_not_stop_is_killed(owner: ProcessOwner, tmp_path: Path, eventually: Eventually) -> None:
    child = owner.spawn(plan(tmp_path, OBSTINATE))
    assert eventually(lambda: "ready" in (tmp_path / "child.log").read_text())
    assert not owner.stop(child, 0.2)
    assert child.exit_code() == -signal.SIGKILL


def test_a_command_that_is_not_there_says_so(owner: ProcessOwner, tmp_path: Path, eventually: Eventually) -> None:
    child = owner.spawn(ChildPlan("child", ["/no/such/program"], tmp_path / "child.log", {}, tmp_path))
    assert eventually(lambda: not child.alive())
    assert "cannot start /no/such/program" in (tmp_path / "child.log").read_text()


def test_what_a_killed_owner_left_is_ended_but_nobody_elses_process_is(tmp_path: Path, runs: Runs) -> None:
    ours = subprocess.Popen(["/bin/sleep", "1000"])
    others = subprocess.Popen(["/bin/sleep", "1000"])
    started = psutil.Process(ours.pid).create_time()
    record = tmp_path / "children.json"
    rows = {"kafka": {"pid": ours.pid, "started": started}, "valkey": {"pid": others.pid, "started": started - 3600}}
    write_json(record, rows)
    try:
        assert end_leftovers(record) == ["kafka"]
        assert not runs(ours.pid) and runs(others.pid)
        assert not record.exists()
    finally:
        for process in (ours, others):
            process.kill()
            process.wait()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another account")
def test_root_is_given_up_for_good() -> None:
    command = [*become(Account(65534, 65534), os.getpid(), signal.SIGTERM), "/usr/bin/id", "-a"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "uid=65534" in answer and "gid=65534" in answer and "(root)" not in answer


def test_a_child_knows_its_pid_and_log(owner: ProcessOwner, tmp_path: Path, eventually: Eventually) -> None:
    child: Child = owner.spawn(plan(tmp_path, PATIENT))
    assert eventually(lambda: psutil.Process(child.pid).cmdline())  # right after its start it has none for a moment
    assert child.plan.log.exists()
