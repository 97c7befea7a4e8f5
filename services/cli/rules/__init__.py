"""`leadstream rules`: check, test, compare, preview, publish and take back rule documents of every kind."""

from typing import Final

import typer

from services.cli.rules.kinds import KINDS
from services.cli.rules.looking import diff, history, show
from services.cli.rules.previewing import preview
from services.cli.rules.publishing import check, publish, rollback
from services.cli.rules.schemas import schema
from services.cli.rules.shadowing import shadow_app
from services.cli.rules.testing import run_tests

__all__ = ["KINDS", "rules_app"]

_PREVIEW: Final = "Example: leadstream rules preview scoring.yaml assignment.yaml --limit 20000"
_PUBLISH: Final = "Example: leadstream rules publish scoring.yaml --author Ann --note 'more weight'"
_ROLLBACK: Final = "Example: leadstream rules rollback scoring 3 --author Ann --note 'too many A leads'"

rules_app = typer.Typer(
    help="Rules: validation, scoring models, segments, journeys, assignment rules, hand-off gates, stages.",
    no_args_is_help=True,
)
rules_app.command("check", epilog="Example: leadstream rules check scoring.yaml")(check)
rules_app.command("test", epilog="Example: leadstream rules test scoring.yaml")(run_tests)
rules_app.command("diff", epilog="Example: leadstream rules diff scoring.yaml")(diff)
rules_app.command("preview", epilog=_PREVIEW)(preview)
rules_app.command("publish", epilog=_PUBLISH)(publish)
rules_app.command("history", epilog="Example: leadstream rules history scoring")(history)
rules_app.command("show", epilog="Example: leadstream rules show scoring 3 > scoring.yaml")(show)
rules_app.command("schema", epilog="Example: leadstream rules schema assignment > assignment.schema.json")(schema)
rules_app.command("rollback", epilog=_ROLLBACK)(rollback)
rules_app.add_typer(shadow_app, name="shadow")
