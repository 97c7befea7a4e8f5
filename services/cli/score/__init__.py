"""`leadstream score`: a score learned from outcomes, and what outcomes say of the rules."""

from typing import Final

import typer

from services.cli.score.drifting import drift
from services.cli.score.learning import evaluate, train
from services.cli.score.reporting import report

__all__ = ["score_app"]

_TRAIN: Final = "Example: leadstream score train leads.csv --outcome Converted --ignore Tags > learned.yaml"
_EVALUATE: Final = "Example: leadstream score evaluate leads.csv --outcome Converted --ignore Tags"
_REPORT: Final = "Example: leadstream score report scoring.yaml"
_DRIFT: Final = "Example: leadstream score drift --json"

score_app = typer.Typer(help="Scores learned from outcomes: train, evaluate, report, drift.", no_args_is_help=True)
score_app.command("train", epilog=_TRAIN)(train)
score_app.command("evaluate", epilog=_EVALUATE)(evaluate)
score_app.command("report", epilog=_REPORT)(report)
score_app.command("drift", epilog=_DRIFT)(drift)
