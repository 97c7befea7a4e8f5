"""What the command line imports: nothing for help, and no other service's part for a command."""

import json
import subprocess
import sys

import pytest

from services.cli.lazy import LazyCommand
from services.cli.parts import COMMANDS

HEAVY = (
    "aiokafka",
    "alembic",
    "asyncpg",
    "fastapi",
    "faststream",
    "httpx",
    "phonenumbers",
    "pydantic",
    "redis",
    "sqlalchemy",
)
_LOADED = """
import sys, json
from typer.testing import CliRunner
from services.cli.main import app
ended = CliRunner().invoke(app, json.loads(sys.argv[1]))
print(json.dumps([ended.exit_code, sorted(sys.modules)]))
"""


def imported(*arguments: str) -> set[str]:
    """The modules that a call leaves behind."""
    command = [sys.executable, "-c", _LOADED, json.dumps(arguments)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    code, modules = json.loads(ran.stdout)
    assert code == 0
    return set(modules)


def parts_of(modules: set[str]) -> set[str]:
    return {name.split(".")[1] for name in modules if name.startswith("services.") and name != "services"}


@pytest.mark.parametrize("arguments", [("--help",), ("--version",)])
def test_help_and_version_import_no_service_and_nothing_heavy(arguments: tuple[str, ...]) -> None:
    modules = imported(*arguments)
    assert parts_of(modules) == {"cli"}
    assert not modules.intersection(HEAVY)


@pytest.mark.parametrize(
    ("arguments", "service"),
    [
        (("import", "--help"), "capture"),
        (("receipts", "--help"), "capture"),
        (("members", "--help"), "routing"),
        (("reports", "--help"), "reporting"),
        (("dead-letters", "replay", "--help"), "reporting"),
    ],
    ids=" ".join,
)
def test_a_command_imports_its_own_service_only(arguments: tuple[str, ...], service: str) -> None:
    assert parts_of(imported(*arguments)) == {"cli", service}


def test_no_import_needs_what_a_server_needs() -> None:
    assert not imported("import", "--help").intersection({"alembic", "fastapi", "faststream", "redis", "sqlalchemy"})


def test_help_says_what_each_command_says() -> None:
    said = {name: LazyCommand(name, lazy).load().help for name, lazy in COMMANDS.items()}
    assert {name: lazy.help for name, lazy in COMMANDS.items()} == {
        name: " ".join(text.partition("\n\n")[0].split()) for name, text in said.items()
    }
