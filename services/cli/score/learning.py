"""`leadstream score train` and `evaluate`."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from services.cli.rules.asking import MISSING, WRONG, ask, client_of, end
from services.cli.rules.kinds import AsJson
from services.cli.score.tables import Examples, Fields, Ignore, Outcome, Table, Won, read_examples
from services.scoring.domain.learning.artefact import SUPPORT, NotEnoughData, document_of, learn
from services.scoring.domain.learning.evaluating import Evaluation, Other, document_by, leaking_fields
from services.scoring.domain.learning.evaluating import evaluate as cross_validate

_PATIENCE_S: Final = 330.0

Support = Annotated[int, typer.Option(min=20, help="The least leads that a rule may rest on.")]
Name = Annotated[str, typer.Option(help="The model's name.")]
Out = Annotated[Path | None, typer.Option(help="Where the document goes. Absent: to standard output.")]
Folds = Annotated[int, typer.Option(min=2, max=20, help="Parts that the leads are divided into.")]
Seed = Annotated[int, typer.Option(help="Divides the leads; the same one, the same parts.")]


def train(
    file: Table = None,
    outcome: Outcome = None,
    won: Won = None,
    ignore: Ignore = None,
    field: Fields = None,
    support: Support = SUPPORT,
    name: Name = "learned",
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Learn a scoring document from leads whose outcome is known. It is checked, previewed and published like any other;
    a score of 50 means as likely as not to be won, and every ten points double the odds."""
    if file is None:
        document = _trained_on_the_past(name, support)
    else:
        examples = read_examples(file, outcome, won, ignore or (), field or ())
        _warn_of_leaks(leaking_fields(examples.rows, examples.outcomes), examples)
        try:
            card = learn(examples.rows, examples.outcomes, support=support)
        except NotEnoughData as error:
            end(WRONG, str(error))
        document = document_of(card, name=name, made_of=file.name)
    if out is not None:
        out.write_text(document, encoding="utf-8")
    if as_json:
        typer.echo(json.dumps({"out": None if out is None else str(out), "document": document}))
        return
    if out is None:
        typer.echo(document, nl=False)
        return
    typer.echo(f"{out}: check, preview and publish it like any other rules", err=True)


def _trained_on_the_past(name: str, support: int) -> str:
    with client_of("reporting") as client:
        client.timeout = _PATIENCE_S
        found = ask(client, "POST", "/v1/rules/learn", {"name": name, "support": support})
    for note in found.get("notes", ()):
        typer.echo(note, err=True)
    return str(found["document"])


def evaluate(
    file: Annotated[Path, typer.Argument(help="A CSV file with a header row.")],
    outcome: Outcome = None,
    won: Won = None,
    ignore: Ignore = None,
    field: Fields = None,
    support: Support = SUPPORT,
    folds: Folds = 5,
    seed: Seed = 1,
    beside: Annotated[
        bool,
        typer.Option(
            help="Also logistic regression by scikit-learn, on the same folds (`.venv/bin/pip install scikit-learn`)."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say how good a learned score would be: each lead is scored by a document that was learned without it."""
    examples = read_examples(file, outcome, won, ignore or (), field or ())
    others: dict[str, Other] = {"logistic regression": _logistic_regression()} if beside else {}
    document = document_by("learned", file.name, support)
    try:
        found = cross_validate(examples.rows, examples.outcomes, document, folds=folds, seed=seed, others=others)
    except NotEnoughData as error:
        end(WRONG, str(error))
    if as_json:
        typer.echo(json.dumps(found.as_dict()))
        return
    _warn_of_leaks(found.leaking, examples)
    for line in _lines(found):
        typer.echo(line)


def _logistic_regression() -> Other:
    """scikit-learn's, on every field as it is: one column a value, numbers scaled. Ends the command where it is missing."""
    try:
        from sklearn.feature_extraction import DictVectorizer  # type: ignore[import-untyped,import-not-found,unused-ignore]
        from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped,import-not-found,unused-ignore]
        from sklearn.pipeline import make_pipeline  # type: ignore[import-untyped,import-not-found,unused-ignore]
        from sklearn.preprocessing import MaxAbsScaler  # type: ignore[import-untyped,import-not-found,unused-ignore]
    except ImportError:
        end(MISSING, "scikit-learn is not installed: .venv/bin/pip install scikit-learn")

    def learned(
        rows: Sequence[Mapping[str, Any]], outcomes: Sequence[bool], held: Sequence[Mapping[str, Any]]
    ) -> list[float]:
        model = make_pipeline(DictVectorizer(), MaxAbsScaler(), LogisticRegression(max_iter=5000))
        model.fit([dict(row) for row in rows], list(outcomes))
        return [float(chances[1]) for chances in model.predict_proba([dict(row) for row in held])]

    return learned


def _warn_of_leaks(leaking: Mapping[str, float], examples: Examples) -> None:
    for field, auc in leaking.items():
        column = examples.columns.get(field, field)
        typer.echo(
            f"warning: {column} by itself tells outcomes apart (AUC {auc}); if it is filled in after them, --ignore it",
            err=True,
        )


def _lines(found: Evaluation) -> list[str]:
    spread = ", ".join(f"{auc:.3f}" for auc in found.auc_by_fold)
    return [
        f"outcomes           {found.outcomes}, won {found.wins} ({found.wins / found.outcomes:.1%})",
        f"AUC                {found.auc:.4f}  out of fold, {found.folds} folds ({spread})",
        *(f"AUC beside         {auc:.4f}  {name}" for name, auc in found.others.items()),
        f"Brier score        {found.brier:.4f}",
        f"calibration error  {found.calibration_error:.4f}",
        "promised  kept (95 %)            leads",
        *(
            f"{band.promised:8.0%}  {band.kept.rate:4.0%} ({band.kept.low:.0%} to {band.kept.high:.0%})".ljust(32)
            + f"{band.count:6d}"
            for band in found.calibration
        ),
    ]
