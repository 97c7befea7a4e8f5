"""Capture's verbs of `leadstream leads`."""

import typer

from services.capture.commands.creating import create
from services.capture.commands.duplicates import unmerge
from services.capture.commands.lifecycle import mark, promote


def register(leads: typer.Typer) -> None:
    """Add them."""
    leads.command(epilog="Example: leadstream leads create --email ann@example.com --entered-by sam")(create)
    leads.command(epilog="Example: leadstream leads mark 018f… --bounced --reason 'mailer daemon'")(mark)
    leads.command(epilog="Example: leadstream leads promote 018f… --reason 'called us'")(promote)
    leads.command(epilog="Example: leadstream leads unmerge 018f… --reason 'two sisters'")(unmerge)
