"""The kinds of rules that services apply, and documents of them that lie in files."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Protocol

import typer

from services.capture import rules_kind as capture
from services.cli.rules.asking import USAGE, WRONG, end
from services.conversion import pipeline_kind as pipeline
from services.conversion import rules_kind as conversion
from services.routing import rules_kind as routing
from services.scoring import rules_kind as scoring
from services.scoring.journeys import rules_kind as journeys
from services.scoring.segments import rules_kind as segments
from shared.rules import LoadedRules, RuleFileError, RuleProblem, RuleSetHeader
from shared.rules.cases import Mismatch, RuleCases
from shared.rules.loading import load_yaml


class RuleKind(Protocol):
    """A kind of rules and the service that applies it: each service's `rules_kind` module is one."""

    @property
    def KIND(self) -> str: ...  # noqa: N802
    @property
    def SERVICE(self) -> str: ...  # noqa: N802
    @property
    def MODEL(self) -> type[RuleSetHeader]:  # noqa: N802
        """The document."""
        ...

    def load(self, text: str | bytes, file: str) -> LoadedRules[Any]:
        """A document, checked. Raises RuleFileError."""
        ...

    @property
    def CASES(self) -> type[RuleCases]:  # noqa: N802
        """The document of cases that these rules are tried on."""
        ...

    @property
    def run_cases(self) -> Callable[[LoadedRules[Any], Any], Sequence[Mismatch]]:
        """What rules do otherwise than cases expect."""
        ...


KINDS: Final[Mapping[str, RuleKind]] = {
    kind.KIND: kind for kind in (scoring, segments, journeys, routing, conversion, pipeline, capture)
}

FileArgument = Annotated[Path, typer.Argument(help="A YAML document; its `kind` says which rules it holds.")]
KindArgument = Annotated[str, typer.Argument(help=f"One of {', '.join(KINDS)}.")]
AsJson = Annotated[bool, typer.Option("--json", help="For scripts.")]


def kind_named(name: str) -> RuleKind:
    """Ends the command where there is no such kind."""
    if name not in KINDS:
        end(USAGE, f"there are no such rules; kinds are {', '.join(KINDS)}")
    return KINDS[name]


def read_file(file: Path) -> bytes:
    """Ends the command for a file that cannot be read."""
    try:
        return file.read_bytes()
    except OSError as error:
        end(USAGE, f"{file} cannot be read: {error.strerror}")


def load_document(text: bytes, file: str) -> tuple[RuleKind, LoadedRules[Any]]:
    """The kind that a document names, and the checked document. Raises RuleFileError."""
    kind = kind_of(text, file)
    return kind, kind.load(text, file)


def kind_of(text: bytes, file: str) -> RuleKind:
    """The kind that a document names. Raises RuleFileError."""
    loaded = load_yaml(text, file=file)
    named = loaded.data.get("kind") if isinstance(loaded.data, dict) else None
    kind = KINDS.get(named) if isinstance(named, str) else None
    if kind is None:
        line, column = loaded.position(("kind",))
        raise RuleFileError([RuleProblem(file, line, column, "kind", "another one", f"one of {', '.join(KINDS)}")])
    return kind


def refuse(error: RuleFileError, as_json: bool = False) -> typer.Exit:
    """Shows every problem of a document; the exit to be raised."""
    if as_json:
        shown = [
            {"line": p.line, "column": p.column, "path": p.path, "expected": p.expected, "found": p.found_kind}
            for p in error.problems
        ]
        typer.echo(json.dumps({"problems": shown}))
        return typer.Exit(WRONG)
    for problem in error.problems:
        typer.echo(str(problem), err=True)
    return typer.Exit(WRONG)
