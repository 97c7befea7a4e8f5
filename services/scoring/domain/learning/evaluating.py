"""How good a learned score is on leads that it was not learned from: every lead is scored once by a card made without it."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from services.scoring.domain.learning.artefact import chance_of, document_of, learn
from services.scoring.domain.learning.bins import Row, find_bins
from services.scoring.domain.learning.figures import (
    Band,
    auc_of,
    brier_of,
    calibration_error,
    calibration_of,
)
from services.scoring.domain.model import load_scoring_model
from services.scoring.domain.scoring import CompiledModel, compile_model, weigh

LEAKING_AUC = 0.85
"""A single field that tells outcomes apart so well has probably been filled in after them."""

Chances = Sequence[float]
Other = Callable[[Sequence[Row], Sequence[bool], Sequence[Row]], Chances]
"""Another way to learn: rows and outcomes to learn from, rows to tell the chances of."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Figures of scores given out of fold. `others` are AUCs of other ways on the same folds."""

    outcomes: int
    wins: int
    folds: int
    auc: float
    auc_by_fold: Sequence[float]
    brier: float
    calibration_error: float
    calibration: Sequence[Band]
    others: Mapping[str, float]
    leaking: Mapping[str, float]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def evaluate(
    rows: Sequence[Row],
    outcomes: Sequence[bool],
    document: Callable[[Sequence[Row], Sequence[bool]], str],
    *,
    folds: int = 5,
    seed: int = 1,
    others: Mapping[str, Other] | None = None,
) -> Evaluation:
    """Cross-validated. `document` makes the scoring document of a part, and the engine itself scores the rest by it.
    Raises NotEnoughData."""
    scores = [0.0] * len(rows)
    told: dict[str, list[float]] = {name: [0.0] * len(rows) for name in others or {}}
    by_fold = []
    for learnt, held in _folds(outcomes, folds, seed):
        part, known = [rows[n] for n in learnt], [outcomes[n] for n in learnt]
        model = compile_model(load_scoring_model(document(part, known)), version=0)
        for place in held:
            scores[place] = score_by(model, rows[place])
        by_fold.append(auc_of([scores[n] for n in held], [outcomes[n] for n in held]))
        for name, other in (others or {}).items():
            for place, chance in zip(held, other(part, known, [rows[n] for n in held]), strict=True):
                told[name][place] = chance
    chances = [chance_of(score) for score in scores]
    bands = calibration_of(chances, outcomes)
    return Evaluation(
        len(rows), sum(outcomes), folds, auc_of(scores, outcomes), by_fold, brier_of(chances, outcomes),
        calibration_error(bands), bands, {name: auc_of(each, outcomes) for name, each in told.items()},
        leaking_fields(rows, outcomes),
    )  # fmt: skip


def score_by(model: CompiledModel, row: Row) -> int:
    """The score that the engine gives to these facts."""
    return int(weigh(nested(row), model).score["value"])


def nested(row: Row) -> dict[str, Any]:
    """Facts as a lead carries them: dotted paths as mappings."""
    lead: dict[str, Any] = {}
    for path, value in row.items():
        *parents, last = path.split(".")
        part = lead
        for parent in parents:
            part = part.setdefault(parent, {})
        part[last] = value
    return lead


def _folds(outcomes: Sequence[bool], folds: int, seed: int) -> Iterator[tuple[list[int], list[int]]]:
    """Places to learn from and places held out, with the same share of wins in each."""
    fold_of = [0] * len(outcomes)
    rng = random.Random(seed)  # noqa: S311 - no secret
    for wanted in (True, False):
        places = [place for place, outcome in enumerate(outcomes) if outcome is wanted]
        rng.shuffle(places)
        for n, place in enumerate(places):
            fold_of[place] = n % folds
    for fold in range(folds):
        held = [place for place, each in enumerate(fold_of) if each == fold]
        yield [place for place, each in enumerate(fold_of) if each != fold], held


def leaking_fields(rows: Sequence[Row], outcomes: Sequence[bool], support: int = 20) -> dict[str, float]:
    """Fields that by themselves order the outcomes suspiciously well, with their AUC."""
    rate = sum(outcomes) / len(outcomes) if outcomes else 0.0
    by_field: dict[str, list[float]] = {}
    for each in find_bins(rows, support):
        told = by_field.setdefault(each.field, [rate] * len(rows))
        won = sum(outcomes[row] for row in each.rows) / len(each.rows)
        for row in each.rows:
            told[row] = won
    found = {field: auc_of(told, outcomes) for field, told in by_field.items()}
    return {field: round(auc, 3) for field, auc in sorted(found.items()) if auc >= LEAKING_AUC}


def document_by(name: str, made_of: str, support: int) -> Callable[[Sequence[Row], Sequence[bool]], str]:
    """Makes documents of parts, as `evaluate` wants them."""
    return lambda rows, outcomes: document_of(learn(rows, outcomes, support=support), name=name, made_of=made_of)
