"""`leadstream`: one command, composed of the stack's, the installation's and the services' own groups."""

import os

import typer

from deploy.local.envfile import load_env
from deploy.local.home import home_from
from services.cli.lazy import LazyGroup
from services.cli.parts import COMMANDS
from shared.runtime.version import VERSION


class Leadstream(LazyGroup):
    """All of it, by name."""

    table = COMMANDS


app = typer.Typer(
    cls=Leadstream,
    help="Leadstream: leads in, owned and scored opportunities out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(VERSION)
        raise typer.Exit


@app.callback()
def _main(
    version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="Show the version."),
) -> None:
    """Read `.leadstream/env` where it is; variables of the environment win."""
    load_env(home_from(os.environ).env_file)


def main() -> None:
    """The console script."""
    app()
