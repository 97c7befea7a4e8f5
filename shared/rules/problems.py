"""What is wrong in a rule file, and where: values that become one readable error.

Texts name places and kinds ("expected a number, found text"), never the values that were written.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

Path = tuple[str | int, ...]
SHOWN_PROBLEMS = 50
MAX_PROBLEMS = 500
_SHOWN_KEY_LENGTH = 60


@dataclass(frozen=True, slots=True)
class RuleFault:
    """A fault at a place of the document, before file and line are known. `at_key` points at the key, not its value."""

    path: Path
    expected: str
    hint: str | None = None
    found_kind: str | None = None
    at_key: bool = False


@dataclass(frozen=True, slots=True)
class RuleProblem:
    """One reason why a rule file is refused. Lines and columns count from 1."""

    file: str
    line: int
    column: int
    path: str
    found_kind: str
    expected: str
    hint: str | None = None

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column} {self.path}".rstrip()
        hint = f" ({self.hint})" if self.hint else ""
        return f"{place}: expected {self.expected}, found {self.found_kind}{hint}"


@dataclass(frozen=True, slots=True)
class RuleWarning:
    """Something that is allowed and probably not meant. Lines and columns count from 1."""

    file: str
    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column} {self.path}: {self.message}"


class RuleFileError(ValueError):
    """The file is refused as a whole; `problems` holds the reasons found (at most 500), in file order."""

    def __init__(self, problems: Iterable[RuleProblem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.line, problem.column)))
        super().__init__(str(self))

    def __str__(self) -> str:
        shown = "; ".join(str(problem) for problem in self.problems[:SHOWN_PROBLEMS])
        hidden = len(self.problems) - SHOWN_PROBLEMS
        return f"{shown}; and {hidden} more" if hidden > 0 else shown

    def __reduce__(self) -> tuple[type["RuleFileError"], tuple[tuple[RuleProblem, ...]]]:
        return RuleFileError, (self.problems,)


def render_path(path: Sequence[str | int]) -> str:
    """`("rules", 3, "when")` as `rules[3].when`; odd keys are quoted and shortened."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{_render_key(part)}" if text else _render_key(part)
    return text


def kind_of(value: Any) -> str:
    """The kind of a loaded value in the words of somebody who writes rules."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int):
        return "a whole number"
    if isinstance(value, float):
        return "a decimal number"
    if isinstance(value, str):
        return "text"
    return "a mapping" if isinstance(value, dict) else "a list"


def _render_key(key: str) -> str:
    if key.isprintable() and len(key) <= _SHOWN_KEY_LENGTH:
        return key
    return repr(key[:_SHOWN_KEY_LENGTH] + ("…" if len(key) > _SHOWN_KEY_LENGTH else ""))
