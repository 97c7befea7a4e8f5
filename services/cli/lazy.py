"""Commands that are imported when they are called: help and every other command start without them."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

Part = Callable[[], typer.Typer]
"""Imports and composes a part of the command line: what one of its commands needs, the others have too."""


class Lazy(NamedTuple):
    """A command of a part, and what help says of it. A test compares that with what the command says."""

    part: Part
    help: str


class LazyCommand(TyperCommand):
    """Stands in the list of commands for one that is not imported yet."""

    def __init__(self, name: str, lazy: Lazy) -> None:
        super().__init__(name, help=lazy.help)
        self._part = lazy.part

    def load(self) -> Any:
        """The command itself."""
        return _commands_of(self._part)[self.name or ""]

    def make_context(self, *arguments: Any, **parts: Any) -> Any:
        """The command's own: from here on it is it that runs."""
        return self.load().make_context(*arguments, **parts)


class LazyGroup(TyperGroup):
    """A group whose commands are named in a table."""

    table: ClassVar[Mapping[str, Lazy]] = {}

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands.update({name: LazyCommand(name, lazy) for name, lazy in self.table.items()})


@lru_cache
def _commands_of(part: Part) -> Mapping[str, Any]:
    return typer.main.get_group(part()).commands
