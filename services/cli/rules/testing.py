"""`leadstream rules test`: cases that stand in a file, tried on rules that stand in a file. No service is asked."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from services.cli.rules.asking import USAGE, WRONG, end
from services.cli.rules.kinds import AsJson, FileArgument, RuleKind, load_document, read_file, refuse
from shared.rules import LoadedRules, RuleFileError, load_rule_document
from shared.rules.cases import Mismatch
from shared.rules.loading import LoadedYaml, load_yaml
from shared.rules.problems import render_path

_EXPECT: Final = "expect"

CasesArgument = Annotated[
    Path | None, typer.Argument(help="The cases. Absent: beside the rules, `scoring.tests.yaml` for `scoring.yaml`.")
]


@dataclass(frozen=True, slots=True)
class Failure:
    """A mismatch with its place in the file of cases."""

    line: int
    column: int
    case: str
    what: str
    expected: str
    found: str
    why: str

    def __str__(self) -> str:
        why = f" ({self.why})" if self.why else ""
        return f"{self.line}:{self.column} {self.case}: {self.what}: expected {self.expected}, found {self.found}{why}"


def run_tests(file: FileArgument, cases: CasesArgument = None, as_json: AsJson = False) -> None:
    """Try rules on cases: a lead each, and what is expected. Exit code 1 when a case comes out otherwise."""
    beside, count, failures = tried(file, cases, as_json)
    _report(beside, count, failures, as_json)


def tried(file: Path, cases: Path | None, as_json: bool) -> tuple[Path, int, list[Failure]]:
    """The file of cases, how many they are, and what failed. Ends the command for a document that is none."""
    beside = cases if cases is not None else file.with_name(f"{file.stem}.tests.yaml")
    text = read_file(file)
    if cases is None and not beside.exists():
        end(USAGE, f"{beside} is not there; name the file of cases")
    try:
        kind, loaded = load_document(text, str(file))
        return (beside, *_outcome(kind, loaded, read_file(beside), str(beside)))
    except RuleFileError as error:
        raise refuse(error, as_json) from None


def _outcome(kind: RuleKind, loaded: LoadedRules[Any], text: bytes, file: str) -> tuple[int, list[Failure]]:
    """How many cases there are, and what failed. Raises RuleFileError."""
    cases = load_rule_document(text, kind.CASES, file=file).model
    placed = load_yaml(text, file=file)
    return len(cases.cases), [_placed(each, placed) for each in kind.run_cases(loaded, cases)]


def _placed(mismatch: Mismatch, placed: LoadedYaml) -> Failure:
    line, column = placed.position(mismatch.path)
    path = mismatch.path[mismatch.path.index(_EXPECT) + 1 :] if _EXPECT in mismatch.path else mismatch.path[:1]
    return Failure(line, column, mismatch.case, render_path(path), mismatch.expected, mismatch.found, mismatch.why)


def as_dict(count: int, failures: list[Failure]) -> dict[str, Any]:
    """For scripts."""
    shown = [{name: getattr(each, name) for name in Failure.__slots__} for each in failures]
    return {"cases": count, "failed": _failed(failures), "failures": shown}


def _failed(failures: list[Failure]) -> int:
    return len({failure.case for failure in failures})


def _report(file: Path, count: int, failures: list[Failure], as_json: bool) -> None:
    failed = _failed(failures)
    if as_json:
        typer.echo(json.dumps(as_dict(count, failures)))
    else:
        for failure in failures:
            typer.echo(f"{file}:{failure}", err=True)
        typer.echo(f"{file}: {failed} of {count} cases failed" if failures else f"{file}: {count} cases passed")
    if failures:
        raise typer.Exit(WRONG)
