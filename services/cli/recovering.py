"""`leadstream services recover`."""

import asyncio
import json
from typing import Annotated

import typer

from shared.runtime.settings import ServiceSettings

_WRONG = 1


def recover(
    service: Annotated[str, typer.Argument(help="The service whose database was restored.")],
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Set a stopped service's Kafka offsets back to where its database ends, after a restore from backup."""
    from services.cli import recovery

    try:
        moved = asyncio.run(recovery.rewind_to_database(ServiceSettings(), service))
    except recovery.StillRunning as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(_WRONG) from None
    if as_json:
        typer.echo(json.dumps({"service": service, "partitions_set_back": moved}))
        return
    typer.echo(f"{service}: {moved} partitions set back; start the service, it reads again from there")
