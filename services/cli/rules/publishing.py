"""`leadstream rules check`, `publish` and `rollback`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli.rules.asking import WRONG, ask, client_of, completed, end
from services.cli.rules.kinds import AsJson, FileArgument, KindArgument, RuleKind, kind_named, load_document, read_file
from services.cli.rules.kinds import refuse as refuse_document
from shared.rules import LoadedRules, RuleFileError

Author = Annotated[str, typer.Option(help="Who wants it.")]
Note = Annotated[str, typer.Option("--note", "--reason", help="Why, for those who look back.")]
Strict = Annotated[bool, typer.Option("--strict", help="Take warnings for problems.")]


def check(file: FileArgument, strict: Strict = False, as_json: AsJson = False) -> None:
    """Find what is wrong with a document: file, line, column and what was expected. Exit code 1 when anything is."""
    kind, loaded = _loaded(read_file(file), str(file), as_json)
    if as_json:
        shown = [{"line": w.line, "column": w.column, "message": w.message} for w in loaded.warnings]
        typer.echo(json.dumps({"kind": kind.KIND, "problems": [], "warnings": shown}))
    else:
        _warn(loaded)
    if strict and loaded.warnings:
        raise typer.Exit(WRONG)
    if not as_json:
        typer.echo(f"{file}: these {kind.KIND} rules can be published")


def publish(file: FileArgument, author: Author, reason: Note, strict: Strict = False, as_json: AsJson = False) -> None:
    """Check a document and make it live, between two batches. A refused one leaves the last good version working."""
    kind, done = published(file, author, reason, strict=strict, as_json=as_json)
    if as_json:
        typer.echo(json.dumps(done))
        return
    for warning in done["result"]["warnings"]:
        typer.echo(f"{warning} (warning)", err=True)
    typer.echo(f"{kind.KIND} rules are live as version {done['result']['version']}")


def published(
    file: Path, author: str, reason: str, *, strict: bool = False, as_json: bool = False
) -> tuple[RuleKind, dict[str, Any]]:
    """The kind, and what came of the command. Ends the command for a document that is refused."""
    text = read_file(file)
    kind, loaded = _loaded(text, str(file), as_json)
    if strict and loaded.warnings:
        _warn(loaded)
        end(WRONG, "nothing was published")
    body = {"document": text.decode("utf-8-sig"), "author": author, "reason": reason}
    return kind, _obeyed(kind, f"/v1/rules/{kind.KIND}", body, as_json)


def rollback(
    kind: KindArgument,
    author: Author,
    reason: Note,
    version: Annotated[int | None, typer.Argument(help="Absent: the one before the live one.", min=1)] = None,
    as_json: AsJson = False,
) -> None:
    """Publish an earlier version once more, as a new one: what was published stays as it was. It has to pass today's
    check."""
    chosen = kind_named(kind)
    earlier = version if version is not None else _one_before(chosen)
    body = {"version": earlier, "author": author, "reason": reason}
    done = _obeyed(chosen, f"/v1/rules/{kind}/rollback", body, as_json)
    if as_json:
        typer.echo(json.dumps(done))
    else:
        typer.echo(f"{kind} rules of version {earlier} are live as version {done['result']['version']}")


def _one_before(kind: RuleKind) -> int:
    """The number before that of the live version. Ends the command where there is none."""
    with client_of(kind.SERVICE) as client:
        versions = ask(client, "GET", f"/v1/rules/{kind.KIND}/versions")["versions"]
    live = next((version["version"] for version in versions if version["active"]), 0)
    if live < 2:
        end(WRONG, f"there is no version of the {kind.KIND} rules before the live one")
    return int(live) - 1


def _loaded(text: bytes, file: str, as_json: bool) -> tuple[RuleKind, LoadedRules[Any]]:
    """The checked document. Shows what is wrong with it and ends the command where anything is."""
    try:
        return load_document(text, file)
    except RuleFileError as error:
        raise refuse_document(error, as_json) from None


def _warn(loaded: LoadedRules[Any]) -> None:
    for warning in loaded.warnings:
        typer.echo(f"{warning} (warning)", err=True)


def _obeyed(kind: RuleKind, path: str, body: dict[str, Any], as_json: bool) -> dict[str, Any]:
    """What came of a command to the service that applies the rules. Ends the command unless it was obeyed."""
    with client_of(kind.SERVICE) as client:
        done = completed(client, ask(client, "POST", path, body))
    if as_json and done["status"] != "done":
        typer.echo(json.dumps(done))
    if done["status"] == "pending":
        end(WRONG, f"sent, and not yet obeyed; ask later for command {done['command_id']}")
    if done["status"] != "done":
        end(WRONG, f"{done.get('reason') or done['status']}: {(done.get('result') or {}).get('detail', '')}")
    return done
