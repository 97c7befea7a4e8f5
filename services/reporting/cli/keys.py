"""`leadstream keys create | list | revoke`."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from services.reporting.cli.client import MISSING, USAGE, JsonOption, call, fail, get, show_json
from services.reporting.cli.tables import print_table
from shared.runtime.access import new_key, secret_hash

keys_app = typer.Typer(help="Keys: who may send, read and change.", no_args_is_help=True)


class Role(StrEnum):
    """What a key may do: an admin everything, a source only send, a viewer only read, a browser only send events."""

    admin = "admin"
    source = "source"
    viewer = "viewer"
    browser = "browser"


@keys_app.command(epilog="Example: leadstream keys create --role source --source website")
def create(
    role: Annotated[Role, typer.Option(help="What the key may do.")],
    source: Annotated[str | None, typer.Option(help="The one source that a source key may send for.")] = None,
    origin: Annotated[
        list[str] | None,
        typer.Option(help="A site whose pages may use a browser's key: https://example.com; repeatable."),
    ] = None,
    label: Annotated[str, typer.Option(help="What it is for.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Make a key. It is shown once; only its hash leaves this machine."""
    key_id, key = new_key()
    body: dict[str, Any] = {
        "key_id": key_id,
        "secret_hash": secret_hash(key),
        "role": role.value,
        "source": source,
        "label": label,
    }
    body["origins"] = origin or []
    said = call("POST", "/v1/keys", body=body)
    status = said["status"]
    if as_json:
        show_json({"key_id": key_id, "key": key, "role": role.value, "source": source, "status": status})
    else:
        typer.echo(key)
        typer.secho("Keep it: it is not shown again.", err=True)
    if status == "pending":
        typer.secho(f"Not confirmed yet; `leadstream keys list` shows {key_id} once it is valid.", err=True)


@keys_app.command("list", epilog="Example: leadstream keys list --json")
def list_them(as_json: JsonOption = False) -> None:
    """Every key, without its secret."""
    found = get("/v1/keys")
    if as_json:
        return show_json(found)
    print_table(("key_id", "role", "source", "label", "revoked", "granted_at"), found["keys"])


@keys_app.command(epilog="Example: leadstream keys revoke 0123456789ab")
def revoke(
    key_id: Annotated[str, typer.Argument(help="The id that `list` shows.")], as_json: JsonOption = False
) -> None:
    """Shut a key out, in every service, within seconds."""
    if not (key_id.isascii() and key_id.isalnum()):
        fail(USAGE, "A key's id is the part between the underscores of the key, never the key itself.")
    said = call("DELETE", f"/v1/keys/{key_id}")
    if as_json:
        return show_json(said)
    if said["status"] == "pending":
        fail(MISSING, "Not confirmed yet; `leadstream keys list` shows when it is revoked.")
    typer.echo(f"{key_id} is revoked")
