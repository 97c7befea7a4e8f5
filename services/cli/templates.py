"""`leadstream templates`: rules for an industry, shown, tested, copied for editing, installed."""

import json
import shutil
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final

import typer
import yaml

from services.capture.commands.preparing import mappings
from services.cli.rules.asking import USAGE, WRONG, end
from services.cli.rules.kinds import AsJson
from services.cli.rules.publishing import Author, Note, publish, published
from services.cli.rules.testing import as_dict, run_tests, tried

# In the order in which they are published: what others ask about comes first.
DOCUMENTS: Final = ("scoring", "segments", "assignment", "pipeline", "gate")
_FOLDER: Final = Path(str(files("services.templates")))

templates_app = typer.Typer(help="Rules for an industry: look, test, copy, install.", no_args_is_help=True)
NameArgument = Annotated[str, typer.Argument(help="As `leadstream templates list` names it.")]


def names() -> list[str]:
    """Every template."""
    return sorted(path.parent.name for path in _FOLDER.glob("*/template.yaml"))


def about(name: str) -> dict[str, Any]:
    """What a template says of itself: title, description, fields."""
    said: dict[str, Any] = yaml.safe_load((_FOLDER / name / "template.yaml").read_text(encoding="utf-8"))
    return said


def folder_of(name: str) -> Path:
    """A template's folder. Ends the command where there is none."""
    if name not in names():
        end(USAGE, f"there is no such template; there are: {', '.join(names())}")
    return _FOLDER / name


@templates_app.command("list", epilog="Example: leadstream templates list")
def list_templates(as_json: AsJson = False) -> None:
    """The industries that there are rules for."""
    found = {name: about(name) for name in names()}
    if as_json:
        typer.echo(json.dumps([{"name": name, **said} for name, said in found.items()]))
        return
    for name, said in found.items():
        typer.echo(f"{name:<14} {said['title']}: {said['description']}")


@templates_app.command("show", epilog="Example: leadstream templates show insurance")
def show(name: NameArgument, as_json: AsJson = False) -> None:
    """A template's fields, and where its documents are."""
    folder, said = folder_of(name), about(name)
    if as_json:
        typer.echo(json.dumps({"name": name, "folder": str(folder), **said}))
        return
    typer.echo(f"{said['title']}: {said['description']}")
    for line in _field_lines(said["fields"]):
        typer.echo(line)
    typer.echo(f"documents: {folder}")


def _field_lines(fields: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for field, said in fields.items():
        values = f" ({', '.join(map(str, said['values']))})" if "values" in said else ""
        yield f"  {field:<26} {said['says']}{values}"


@templates_app.command("test", epilog="Example: leadstream templates test insurance")
def try_out(name: NameArgument, as_json: AsJson = False) -> None:
    """Try every document of a template on its cases. Exit code 1 when a case comes out otherwise."""
    folder = folder_of(name)
    if not as_json:
        for document in DOCUMENTS:
            run_tests(folder / f"{document}.yaml")
        return
    found = [_tested(folder, document) for document in DOCUMENTS]
    typer.echo(json.dumps(found))
    if any(one["failed"] for one in found):
        raise typer.Exit(WRONG)


def _tested(folder: Path, document: str) -> dict[str, Any]:
    _, count, failures = tried(folder / f"{document}.yaml", None, as_json=True)
    return {"document": document, **as_dict(count, failures)}


@templates_app.command("copy", epilog="Example: leadstream templates copy insurance my-rules")
def copy(
    name: NameArgument,
    into: Annotated[Path, typer.Argument(help="A folder that is not there yet.")],
    as_json: AsJson = False,
) -> None:
    """Copy a template, to be changed and published a document at a time."""
    folder = folder_of(name)
    if into.exists():
        end(USAGE, f"{into} is there already")
    shutil.copytree(folder, into, ignore=shutil.ignore_patterns("__pycache__", "*.py"))
    if as_json:
        typer.echo(json.dumps({"name": name, "folder": str(into), "documents": list(DOCUMENTS)}))
        return
    typer.echo(f"{into}: change it, `leadstream rules test` and `publish` each document")


@templates_app.command(
    "install", epilog="Example: leadstream templates install insurance --author Ann --note 'our start'"
)
def install(name: NameArgument, author: Author, reason: Note, as_json: AsJson = False) -> None:
    """Test a template and publish its documents, each as the next version of its kind, so that each can be taken back; keep its
    mapping for imports. The members of its queues are set with `leadstream members set`."""
    folder = folder_of(name)
    if as_json:
        tested = [_tested(folder, document) for document in DOCUMENTS]
        if any(one["failed"] for one in tested):
            typer.echo(json.dumps({"published": [], "tests": tested}))
            raise typer.Exit(WRONG)
    else:
        try_out(name)
    live = []
    for document in DOCUMENTS:
        if as_json:
            kind, done = published(folder / f"{document}.yaml", author, reason, as_json=True)
            live.append({"kind": kind.KIND, "version": done["result"]["version"]})
        else:
            publish(folder / f"{document}.yaml", author, reason)
    saved, _ = mappings().save(name, (folder / "mapping.yaml").read_text(encoding="utf-8"))
    if as_json:
        typer.echo(json.dumps({"published": live, "mapping": f"{saved.name}@{saved.version}"}))
        return
    typer.echo(f"mapping {saved.name}@{saved.version} is kept for `leadstream import --mapping {saved.name}`")
    queues = yaml.safe_load((folder / "assignment.yaml").read_text(encoding="utf-8"))["queues"]
    typer.echo(
        f"queues: {', '.join(queues)}; say who is in them with `leadstream members set ID --name NAME --queue QUEUE`"
    )
