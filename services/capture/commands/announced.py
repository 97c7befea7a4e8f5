"""`leadstream announced`."""

from typing import Annotated

import typer

from services.capture.commands.client import CaptureClient
from services.capture.commands.ending import print_json


def announced(
    state: Annotated[str | None, typer.Option(help="pending, done, failed, withdrawn; else all.")] = None,
    source: Annotated[str | None, typer.Option(help="Of this source only.")] = None,
    limit: Annotated[int, typer.Option(help="The newest so many.", min=1, max=200)] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Leads that providers announced by their ids: how many wait to be fetched, and what became of the others."""
    with CaptureClient(admin=True) as client:
        found = client.get("/v1/announced", state=state, source=source, limit=limit)
    if as_json:
        return print_json(found)
    for line in found["sources"]:
        parts = ", ".join(f"{line[name]} {name}" for name in ("pending", "done", "failed", "withdrawn"))
        typer.echo(f"{line['source']}: {line['announced']} announced = {parts}")
    for one in found["announced"]:
        why = f", {one['reason']} after {one['attempts']} attempts" if one["reason"] else ""
        then = f", again at {one['due_at']}" if one["due_at"] and one["attempts"] else ""
        typer.echo(f"{one['announced_at']}  {one['source']}  {one['provider_id']}  {one['state']}{why}{then}")
    if not found["sources"]:
        typer.echo("nothing was announced")
