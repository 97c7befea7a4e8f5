"""`leadstream rules history`, `show` and `diff`: what was published, and what a change changes."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from difflib import unified_diff
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from services.cli.rules.asking import USAGE, WRONG, ask, client_of, end
from services.cli.rules.kinds import KINDS, AsJson, KindArgument, RuleKind, kind_named, kind_of, read_file
from services.cli.rules.kinds import refuse as refuse_document
from shared.rules import RuleFileError
from shared.rules.comparing import Comparison, Difference, RuleChange, compare_documents

LIVE: Final = "live"
_DIGEST: Final = 12

VersionArgument = Annotated[str, typer.Argument(help="A number, or `live`.")]
KindOrFile = Annotated[str, typer.Argument(help=f"One of {', '.join(KINDS)}; or a file, which says its kind itself.")]
Side = Annotated[str | None, typer.Argument(help="A version's number, `live`, or a file.")]


@dataclass(frozen=True, slots=True)
class _Document:
    """One side of a comparison, and what it is called."""

    name: str
    text: str


def history(kind: KindArgument, as_json: AsJson = False) -> None:
    """The published versions, newest first: when, digest, who, why. The live one has a star."""
    chosen = kind_named(kind)
    with client_of(chosen.SERVICE) as client:
        versions = ask(client, "GET", f"/v1/rules/{kind}/versions")["versions"]
    if as_json:
        typer.echo(json.dumps(versions))
        return
    for version in versions:
        mark = "*" if version["active"] else " "
        when, digest = version["published_at"][:19], version["content_hash"][:_DIGEST]
        said = f"{version['name']:<20} {version['author']}: {version['reason']}"
        typer.echo(f"{mark} {version['version']:>4}  {when}  {digest}  {said}")


def show(kind: KindArgument, version: VersionArgument = LIVE, as_json: AsJson = False) -> None:
    """A published document as it was written, so that it can be put into a file and changed."""
    found = _version(kind_named(kind), version)
    if as_json:
        typer.echo(json.dumps(found))
        return
    live = ", live" if found["active"] else ""
    said = f"version {found['version']}{live}, {found['published_at'][:19]}, {found['author']}: {found['reason']}"
    typer.echo(f"{kind} {said}", err=True)
    typer.echo(found["document"], nl=not found["document"].endswith("\n"))


def diff(
    kind: KindOrFile,
    before: Side = None,
    after: Side = None,
    text: Annotated[bool, typer.Option("--text", help="The lines that differ, comments too.")] = False,
    as_json: AsJson = False,
) -> None:
    """What changes in meaning: rules that came, went or say something else, limits and thresholds. Of the live version
    and a file or another version; of two versions; or, with neither named, of the live version and the one before."""
    chosen, before, after = _asked(kind, before, after)
    old, new = _sides(chosen, before, after)
    if text:
        lines = unified_diff(old.text.splitlines(), new.text.splitlines(), old.name, new.name, lineterm="")
        typer.echo("\n".join(lines) or f"{old.name} and {new.name} are the same to the letter")
        return
    found = _compared(chosen, old, new, as_json)
    if as_json:
        typer.echo(json.dumps({"kind": chosen.KIND, "before": old.name, "after": new.name, **asdict(found)}))
        return
    typer.echo(f"{chosen.KIND}: {old.name} → {new.name}")
    typer.echo("\n".join(_lines(found)) or "no difference in meaning")


def _asked(first: str, before: str | None, after: str | None) -> tuple[RuleKind, str | None, str | None]:
    """A file in the place of the kind is a side itself. Ends the command where the kind cannot be told."""
    if first in KINDS or after is not None or not Path(first).exists():
        return kind_named(first), before, after
    try:
        return kind_of(read_file(Path(first)), first), first, before
    except RuleFileError as error:
        raise refuse_document(error) from None


def _sides(kind: RuleKind, before: str | None, after: str | None) -> tuple[_Document, _Document]:
    if before is None:
        live = _version(kind, LIVE)
        if live["version"] < 2:
            end(WRONG, f"there is one version of the {kind.KIND} rules only; name a file to compare it with")
        return _document(kind, str(live["version"] - 1)), _published(live)
    if after is not None:
        return _document(kind, before), _document(kind, after)
    named, live_document = _document(kind, before), _document(kind, LIVE)
    return (named, live_document) if _is_version(before) else (live_document, named)


def _document(kind: RuleKind, side: str) -> _Document:
    if _is_version(side):
        return _published(_version(kind, side))
    return _Document(side, _text(read_file(Path(side)), side))


def _text(raw: bytes, file: str) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        end(USAGE, f"{file} is no text in UTF-8")


def _is_version(side: str) -> bool:
    return side == LIVE or (side.isascii() and side.isdecimal())


def _published(version: dict[str, Any]) -> _Document:
    return _Document(f"version {version['version']}", version["document"])


def _version(kind: RuleKind, version: str) -> dict[str, Any]:
    """A published version. Ends the command where there is none."""
    if not _is_version(version):
        end(USAGE, "a version is a number, or `live`")
    with client_of(kind.SERVICE) as client:
        return ask(client, "GET", f"/v1/rules/{kind.KIND}/versions/{version}")


def _compared(kind: RuleKind, old: _Document, new: _Document, as_json: bool) -> Comparison:
    try:
        return compare_documents(kind.load(old.text, old.name).model, kind.load(new.text, new.name).model)
    except RuleFileError as error:
        exit_ = refuse_document(error, as_json)
        typer.echo("a document that does not pass the check can be compared with --text only", err=True)
        raise exit_ from None


def _lines(found: Comparison) -> Iterator[str]:
    for change in found.rules:
        yield from _change_lines(change)
    for setting in found.settings:
        yield f"~ {_stated(setting)}"


def _change_lines(change: RuleChange) -> Iterator[str]:
    if change.change == "changed":
        yield f"~ {change.rule}"
        yield from (f"    {_stated(each)}" for each in change.differences)
        return
    sign = "+" if change.change == "added" else "-"
    said = ", ".join(f"{each.name} {each.after or each.before}" for each in change.differences)
    yield f"{sign} {change.rule}: {said}"


def _stated(each: Difference) -> str:
    return f"{each.name}: {each.before or 'not set'} → {each.after or 'not set'}"
