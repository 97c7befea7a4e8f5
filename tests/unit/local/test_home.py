"""The home of a stack: where it is, who may read it, who owns it."""

import multiprocessing
import os
import stat
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from deploy.local.errors import AlreadyRunning, StackError
from deploy.local.home import CHECKOUT, Home, home_from, secrets_of, write_atomically
from deploy.local.lock import holder, take_lock


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    home.prepare()
    return home


def test_the_home_is_what_is_given_else_the_variable_else_the_checkout(tmp_path: Path) -> None:
    environ = {"LEADSTREAM_HOME": str(tmp_path / "named")}
    assert home_from(environ, tmp_path / "given").root == tmp_path / "given"
    assert home_from(environ).root == tmp_path / "named"
    assert home_from({}).root == CHECKOUT


def test_nothing_in_it_is_seen_by_git(home: Home) -> None:
    assert (home.data / ".gitignore").read_text() == "*\n"


def test_others_may_pass_but_not_look(home: Home) -> None:
    assert stat.S_IMODE(home.data.stat().st_mode) == 0o711
    assert stat.S_IMODE(home.logs.stat().st_mode) == 0o700


def test_keys_are_made_once_and_kept_from_others(home: Home) -> None:
    first = secrets_of(home)
    assert secrets_of(home) == first
    assert stat.S_IMODE(home.secrets_file.stat().st_mode) == 0o600
    assert len(set(first.values())) == len(first)


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    write_atomically(tmp_path / "file", "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(tmp_path / "file", "\udcff")
    assert (tmp_path / "file").read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def _hold(home: Home, pipe: Connection) -> None:
    take_lock(home, "demo")
    pipe.send(os.getpid())
    pipe.recv()


def test_a_second_owner_is_told_who_the_first_is(home: Home) -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    other = context.Process(target=_hold, args=(home, theirs))
    other.start()
    pid = ours.recv()
    try:
        with pytest.raises(AlreadyRunning, match=str(pid)):
            take_lock(home, "supervisor")
        found = holder(home)
        assert found is not None and (found.pid, found.kind) == (pid, "demo")
    finally:
        other.kill()
        other.join()
    assert holder(home) is None
    take_lock(home, "supervisor").release()


def test_an_error_names_component_advice_log_and_its_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "kafka.log"
    log.write_text("".join(f"line {number}\n" for number in range(100)))
    text = str(StackError("kafka", "ended with code 1", log=log, advice="make clean"))
    assert text.startswith("kafka: ended with code 1")
    assert "make clean" in text and str(log) in text
    assert "line 99" in text and "line 75" in text and "line 74" not in text
