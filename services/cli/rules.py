"""`leadstream rules`: check, publish and look back at rule documents of every kind."""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn, Protocol
from uuid import uuid4

import httpx
import typer

from services.conversion import rules_kind as conversion
from services.routing import rules_kind as routing
from services.scoring import rules_kind as scoring
from shared.rules import RuleFileError, RuleProblem, RuleWarning
from shared.rules.loading import load_yaml

WRONG, USAGE, MISSING = 1, 2, 3
KEY_VARIABLE: Final = "LEADSTREAM_ADMIN_KEY"
_TIMEOUT_S: Final = 10.0
_PATIENCE_S: Final = 30.0
_POLL_S: Final = 0.2

rules_app = typer.Typer(help="Rules: scoring models, assignment rules, hand-off gates.", no_args_is_help=True)


class RuleKind(Protocol):
    """A kind of rules and the service that applies it: each service's `rules_kind` module is one."""

    @property
    def KIND(self) -> str: ...  # noqa: N802
    @property
    def SERVICE(self) -> str: ...  # noqa: N802
    def check(self, text: str | bytes, file: str) -> tuple[RuleWarning, ...]:
        """The warnings of a document. Raises RuleFileError."""
        ...


KINDS: Final[Mapping[str, RuleKind]] = {kind.KIND: kind for kind in (scoring, routing, conversion)}

FileArgument = Annotated[Path, typer.Argument(help="A YAML document; its `kind` says which rules it holds.")]
KindArgument = Annotated[str, typer.Argument(help=f"One of {', '.join(KINDS)}.")]
AsJson = Annotated[bool, typer.Option("--json", help="For scripts.")]


@rules_app.command("check", epilog="Example: leadstream rules check scoring.yaml")
def check(file: FileArgument, as_json: AsJson = False) -> None:
    """Find what is wrong with a document: file, line, column and what was expected. Exit code 1 when anything is."""
    text = _read(file)
    try:
        kind, warnings = _checked(text, str(file))
    except RuleFileError as error:
        _show_problems(error, as_json)
        raise typer.Exit(WRONG) from None
    if as_json:
        shown = [{"line": w.line, "column": w.column, "message": w.message} for w in warnings]
        typer.echo(json.dumps({"kind": kind.KIND, "problems": [], "warnings": shown}))
        return
    for warning in warnings:
        typer.echo(f"{warning} (warning)", err=True)
    typer.echo(f"{file}: these {kind.KIND} rules can be published")


@rules_app.command(
    "publish", epilog="Example: leadstream rules publish scoring.yaml --author Ann --reason 'more weight'"
)
def publish(
    file: FileArgument,
    author: Annotated[str, typer.Option(help="Who wants it.")],
    reason: Annotated[str, typer.Option(help="Why, for those who look back.")],
    as_json: AsJson = False,
) -> None:
    """Check a document and make it live, between two batches. A refused one leaves the last good version working."""
    text = _read(file)
    try:
        kind, _ = _checked(text, str(file))
    except RuleFileError as error:
        _show_problems(error, as_json)
        raise typer.Exit(WRONG) from None
    body = {"document": text.decode("utf-8-sig"), "author": author, "reason": reason}
    with _client(kind) as client:
        done = _completed(client, _ask(client, "POST", f"/v1/rules/{kind.KIND}", body))
    if as_json:
        typer.echo(json.dumps(done))
    if done["status"] == "pending":
        _end(WRONG, f"sent, and not yet obeyed; ask later for command {done['command_id']}")
    if done["status"] != "done":
        _end(WRONG, f"{done.get('reason') or done['status']}: {(done.get('result') or {}).get('detail', '')}")
    if not as_json:
        typer.echo(f"{kind.KIND} rules are live as version {done['result']['version']}")


@rules_app.command("history", epilog="Example: leadstream rules history scoring")
def history(kind: KindArgument, as_json: AsJson = False) -> None:
    """The published versions, newest first: who, when, why."""
    if kind not in KINDS:
        _end(USAGE, f"there are no such rules; kinds are {', '.join(KINDS)}")
    with _client(KINDS[kind]) as client:
        versions = _ask(client, "GET", f"/v1/rules/{kind}")["versions"]
    if as_json:
        typer.echo(json.dumps(versions))
        return
    for version in versions:
        mark = "*" if version["active"] else " "
        when, name = version["published_at"][:19], version["name"]
        typer.echo(f"{mark} {version['version']:>4}  {when}  {name:<20} {version['author']}: {version['reason']}")


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        _end(USAGE, f"{file} cannot be read: {error.strerror}")


def _checked(text: bytes, file: str) -> tuple[RuleKind, tuple[RuleWarning, ...]]:
    """The kind of a document and its warnings. Raises RuleFileError."""
    loaded = load_yaml(text, file=file)
    named = loaded.data.get("kind") if isinstance(loaded.data, dict) else None
    kind = KINDS.get(named) if isinstance(named, str) else None
    if kind is None:
        line, column = loaded.position(("kind",))
        raise RuleFileError([RuleProblem(file, line, column, "kind", "another one", f"one of {', '.join(KINDS)}")])
    return kind, kind.check(text, file)


def _show_problems(error: RuleFileError, as_json: bool) -> None:
    if as_json:
        shown = [
            {"line": p.line, "column": p.column, "path": p.path, "expected": p.expected, "found": p.found_kind}
            for p in error.problems
        ]
        typer.echo(json.dumps({"problems": shown}))
        return
    for problem in error.problems:
        typer.echo(str(problem), err=True)


def _client(kind: RuleKind) -> httpx.Client:
    url_variable = f"LEADSTREAM_{kind.SERVICE.upper()}_URL"
    url, key = os.environ.get(url_variable), os.environ.get(KEY_VARIABLE)
    if not url or not key:
        _end(MISSING, f"{url_variable} and {KEY_VARIABLE} are needed; `make up` writes them to .leadstream/env")
    return httpx.Client(base_url=url, timeout=_TIMEOUT_S, headers={"Authorization": f"Bearer {key}"})


def _ask(client: httpx.Client, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """The service's answer, also a refusal of a command (409). Ends the command where there is none."""
    try:
        # The key makes it one command, were the request sent twice on its way.
        headers = {"Idempotency-Key": str(uuid4())} if method == "POST" else {}
        response = client.request(method, path, json=body, headers=headers)
        answer: dict[str, Any] = response.json()
    except httpx.TransportError as error:
        _end(MISSING, f"the service does not answer at {client.base_url} ({type(error).__name__}); is it running?")
    except ValueError:
        _end(MISSING, f"something else answers at {client.base_url}")
    if response.status_code >= 500:
        _end(MISSING, f"{answer.get('code', response.status_code)}: {answer.get('detail', '')}")
    if response.is_error and "command_id" not in answer:
        _end(WRONG, f"{answer.get('code', response.status_code)}: {answer.get('detail', '')}")
    return answer


def _completed(client: httpx.Client, answer: dict[str, Any]) -> dict[str, Any]:
    """The command's outcome, asked for until it is there, or as it stands when patience ends."""
    deadline = time.monotonic() + _PATIENCE_S
    while answer.get("status") == "pending" and time.monotonic() < deadline:
        time.sleep(_POLL_S)
        answer = _ask(client, "GET", f"/v1/commands/{answer['command_id']}")
    return answer


def _end(code: int, why: str) -> NoReturn:
    typer.echo(why, err=True)
    raise typer.Exit(code)
