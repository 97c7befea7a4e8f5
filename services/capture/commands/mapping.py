"""`leadstream mappings`: which columns are which fields, suggested, looked at, saved by version."""

from pathlib import Path
from typing import Annotated

import typer

from services.capture.commands.ending import FOUND_WRONG, MISUSED, end, print_json
from services.capture.commands.preparing import mappings
from services.capture.importing.inspecting import inspect_file
from services.capture.importing.opening import open_table
from services.capture.importing.refusal import FileRefused
from services.capture.importing.suggesting import Choices, apply_mapping, rendered, suggested
from services.capture.importing.table import ReadingOptions, Table

mappings_app = typer.Typer(help="Mappings: columns of files to fields of leads.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="For scripts.")]


@mappings_app.command("list", epilog="Example: leadstream mappings list")
def list_mappings(as_json: AsJson = False) -> None:
    """The saved mappings, every version."""
    found = mappings().versions()
    if as_json:
        print_json([{"name": saved.name, "version": saved.version, "file": str(saved.path)} for saved in found])
        return
    for saved in found:
        typer.echo(f"{saved.name}@{saved.version}  {saved.path}")
    if not found:
        typer.echo("no mapping is saved yet: leadstream mappings suggest FILE --save NAME")


@mappings_app.command("show", epilog="Example: leadstream mappings show trade-show@2")
def show_mapping(name: Annotated[str, typer.Argument(help="name, or name@version.")], as_json: AsJson = False) -> None:
    """Show a saved mapping: its newest version, or the one that is named."""
    saved = mappings().find(name)
    if saved is None:
        end(FOUND_WRONG, f"there is no mapping {name}; see `leadstream mappings list`")
    if as_json:
        try:
            print_json(mappings().read(name).model_dump(mode="json"))
        except FileRefused as error:
            end(FOUND_WRONG, str(error))
        return
    typer.echo(saved.path.read_text(encoding="utf-8"), nl=False)


@mappings_app.command("save", epilog="Example: leadstream mappings save trade-show mapping.yaml")
def save_mapping(
    name: Annotated[str, typer.Argument(help="The name; each change is its next version.")],
    file: Annotated[Path, typer.Argument(help="A YAML file, as `suggest` writes it.")],
    as_json: AsJson = False,
) -> None:
    """Check a mapping and keep it as the next version of its name. Versions are never changed."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        end(MISUSED, f"{file} cannot be read")
    _save(name, text, as_json=as_json)


@mappings_app.command("suggest", epilog="Example: leadstream mappings suggest leads.csv > mapping.yaml")
def suggest_mapping(
    file: Annotated[Path, typer.Argument(help="The file to be imported.")],
    save: Annotated[str | None, typer.Option(help="Save it under this name at once.")] = None,
    encoding: Annotated[str | None, typer.Option(help="The file's encoding, where it cannot be told.")] = None,
    sheet: Annotated[str | None, typer.Option(help="A workbook's sheet.")] = None,
    as_json: AsJson = False,
) -> None:
    """Suggest a mapping by what the columns are called, with how sure each is."""
    options = ReadingOptions(encoding=encoding, sheet=sheet)
    try:
        table: Table = open_table(file, inspect_file(file, encoding=encoding), options)
        wanted = suggested(table.header, Choices())
        columns = apply_mapping(wanted, table.header, source="").columns
    except OSError as error:
        end(MISUSED, f"{file}: {error.strerror}")
    except FileRefused as error:
        end(FOUND_WRONG, f"{file}: {error}")
    text = rendered(wanted.model_copy(update={"name": save or wanted.name}), columns, table.header)
    if save is not None:
        _save(save, text, as_json=as_json)
    elif as_json:
        print_json(
            [
                {
                    "column": column.name,
                    "field": column.place or "extra",
                    "confidence": column.confidence,
                    "maybe": column.maybe,
                }
                for column in columns
            ]
        )
    else:
        typer.echo(text, nl=False)


def _save(name: str, text: str, *, as_json: bool) -> None:
    try:
        saved, new = mappings().save(name, text)
    except FileRefused as error:
        end(FOUND_WRONG, str(error))
    if as_json:
        print_json({"name": saved.name, "version": saved.version, "file": str(saved.path), "new": new})
    else:
        typer.echo(f"{saved.name}@{saved.version} {'saved' if new else 'stands as it is'}: {saved.path}")
