"""What holds for every command: an example, and `--json` for scripts."""

from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from services.cli.lazy import LazyCommand
from services.cli.main import app


def commands(command: Any, name: str = "leadstream") -> Iterator[tuple[str, Any]]:
    """Every command below this one, by its whole name."""
    loaded = command.load() if isinstance(command, LazyCommand) else command
    if not hasattr(loaded, "commands"):
        yield name, loaded
    for part, below in getattr(loaded, "commands", {}).items():
        yield from commands(below, f"{name} {part}")


def test_every_command_has_an_example_and_speaks_to_scripts() -> None:
    found = dict(commands(get_command(app)))
    assert len(found) > 60
    options = {name: {option for param in each.params for option in param.opts} for name, each in found.items()}
    assert [name for name, known in options.items() if "--json" not in known] == []
    assert [name for name, each in found.items() if not (each.epilog or "").startswith(f"Example: {name}")] == []
