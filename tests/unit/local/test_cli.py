"""The commands' exit codes: 0 done, 1 found something wrong, 2 wrong use, 3 something it needs is not there."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.local.__main__ import app
from deploy.local.control import ControlServer
from deploy.local.home import Home, secrets_of, write_json
from deploy.local.lock import take_lock

COMMANDS = [["stack", name] for name in ("up", "down", "status", "logs", "clean")] + [
    ["services", name] for name in ("up", "down", "scale", "restart", "status")
]
ROW = {"service": "capture", "replica": 0, "pid": 7, "ready": True, "lag": 0, "restarts": 0, "port": 20001}


def run(home: Home, *words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, [*words, "--home", str(home.root)])
    return result.exit_code, result.output


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    home.prepare()
    return home


@pytest.fixture
def supervised(home: Home) -> Iterator[dict[str, object]]:
    """A home whose supervisor answers what a test puts into this dictionary."""
    answers: dict[str, object] = {"status": {"servers": [], "services": []}, "services/status": [ROW]}
    lock = take_lock(home, "supervisor")
    commands = {name: (lambda body, name=name: answers[name]) for name in ("status", "services/status")}
    server = ControlServer(secrets_of(home)["control_token"], commands)
    write_json(home.state_file, {"control_port": server.port})
    yield answers
    server.close()
    lock.release()


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_an_example(command: list[str]) -> None:
    result = CliRunner().invoke(app, [*command, "--help"])
    assert result.exit_code == 0
    assert f"Example: leadstream {' '.join(command)}" in " ".join(result.output.split())


@pytest.mark.parametrize(
    "words",
    [["stack", "status"], ["services", "status"], ["services", "up"], ["services", "scale", "scoring", "2"]],
    ids=" ".join,
)
def test_without_a_stack_what_needs_one_ends_with_3(home: Home, words: list[str]) -> None:
    code, output = run(home, *words)
    assert code == 3
    assert "not running" in output


@pytest.mark.parametrize(
    "words",
    [
        ["services", "scale", "billing", "2"],
        ["services", "scale", "scoring", "--", "-1"],
        ["services", "restart", "billing"],
        ["stack", "logs", "billing"],
    ],
    ids=" ".join,
)
def test_wrong_use_ends_with_2(home: Home, words: list[str]) -> None:
    result = CliRunner().invoke(app, [words[0], words[1], "--home", str(home.root), *words[2:]])
    assert result.exit_code == 2


def test_down_without_a_stack_is_no_error(home: Home) -> None:
    assert run(home, "stack", "down") == (0, "nothing was running\n")


@pytest.mark.parametrize(("ready", "code"), [(True, 0), (False, 1)])
def test_services_status_is_the_documented_list(
    home: Home, supervised: dict[str, object], ready: bool, code: int
) -> None:
    supervised["services/status"] = [ROW | {"ready": ready}]
    ended, output = run(home, "services", "status", "--json")
    assert ended == code
    assert json.loads(output)[0].keys() >= {"service", "replica", "pid", "ready", "lag", "restarts"}


@pytest.mark.parametrize(("state", "code"), [("running", 0), ("external", 0), ("restarting", 1)])
def test_stack_status_ends_with_1_when_a_server_is_away(
    home: Home, supervised: dict[str, object], state: str, code: int
) -> None:
    row = {"name": "kafka", "state": state, "pid": 1, "port": 2, "memory": 3 * 2**20, "restarts": 0, "log": ""}
    supervised["status"] = {"servers": [row], "services": []}
    ended, output = run(home, "stack", "status")
    assert (ended, "3 MiB" in output) == (code, True)


def test_logs_show_the_end_of_each(home: Home) -> None:
    home.log("kafka").write_text("".join(f"line {number}\n" for number in range(50)))
    code, output = run(home, "stack", "logs", "kafka", "--lines", "2")
    assert (code, output) == (0, "line 48\nline 49\n")


def test_clean_removes_the_home_but_not_under_a_running_stack(home: Home) -> None:
    lock = take_lock(home, "supervisor")
    code, output = run(home, "stack", "clean", "--yes")
    assert (code, home.data.exists()) == (1, True)
    assert "already running" in output
    lock.release()
    code, output = run(home, "stack", "clean", "--yes")
    assert (code, home.data.exists()) == (0, False)
