"""The control port does what it is told by who holds the token, and by nobody else."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from deploy.local.control import ControlServer, ask
from deploy.local.errors import NotRunning, StackError
from deploy.local.home import Home, secrets_of, write_json
from deploy.local.lock import take_lock


def refuse(body: Mapping[str, Any]) -> None:
    raise ValueError("not like this")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path)
    home.prepare()
    server = ControlServer(secrets_of(home)["control_token"], {"echo/it": dict, "refuse": refuse})
    write_json(home.state_file, {"control_port": server.port})
    lock = take_lock(home, "supervisor")
    yield home
    lock.release()
    server.close()


def test_a_port_that_a_killed_supervisor_wrote_down_is_not_trusted(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.prepare()
    write_json(home.state_file, {"control_port": 1})
    with pytest.raises(NotRunning):
        ask(home, "status")


def test_a_command_gets_its_arguments_and_gives_its_answer(home: Home) -> None:
    assert ask(home, "echo/it", name="scoring", count=2) == {"name": "scoring", "count": 2}


@pytest.mark.parametrize(("command", "message"), [("refuse", "not like this"), ("none", "no such command")])
def test_what_goes_wrong_is_said(home: Home, command: str, message: str) -> None:
    with pytest.raises(StackError, match=message):
        ask(home, command)


def test_without_the_token_nothing_is_done(home: Home) -> None:
    write_json(home.secrets_file, secrets_of(home) | {"control_token": "guessed"})
    with pytest.raises(StackError, match="wrong token"):
        ask(home, "echo/it")


def test_without_a_supervisor_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotRunning):
        ask(Home(tmp_path), "status")
