"""`leadstream`: one command, composed of the stack's, the installation's and the services' own groups."""

import os

import typer

from deploy.local.cli import services_app, stack_app
from deploy.local.envfile import load_env
from deploy.local.home import home_from
from services.capture import cli as capture
from services.capture.commands.duplicates import unmerge
from services.cli import demo, operations, people
from services.cli.previewing import active_preview
from services.cli.rules import rules_app
from services.reporting import cli as reporting
from services.routing import cli as routing
from shared.runtime.version import VERSION

app = typer.Typer(
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


app.add_typer(stack_app, name="stack")
app.add_typer(services_app, name="services")
services_app.command("recover", epilog="Example: leadstream services recover scoring")(operations.recover)
app.command(epilog="Example: leadstream migrate")(operations.migrate)
app.add_typer(operations.topics_app, name="topics")
app.command(epilog="Example: leadstream doctor --json")(operations.doctor)
app.command(epilog="Example: leadstream asyncapi > asyncapi.yaml")(operations.asyncapi)
capture.register(app, preview=active_preview)
capture.register_for_leads(reporting.leads_app)
routing.register_for_leads(reporting.leads_app)
app.add_typer(reporting.leads_app, name="leads")
reporting.leads_app.command("unmerge", epilog="Example: leadstream leads unmerge 018f… --reason 'two sisters'")(unmerge)
app.add_typer(rules_app, name="rules")
app.add_typer(routing.members, name="members")
app.add_typer(reporting.ledger_app, name="ledger")
app.command(epilog="Example: leadstream reports funnel --by source --format csv")(reporting.reports)
app.add_typer(reporting.dead_letters_app, name="dead-letters")
app.add_typer(reporting.keys_app, name="keys")
app.command(epilog="Example: leadstream erase --email ann@example.com --yes")(people.erase)
app.command(epilog="Example: leadstream export --email ann@example.com --out ann.json")(people.export)
app.command(epilog="Example: leadstream demo")(demo.demo)


def main() -> None:
    """The console script."""
    app()
