"""Tests of a pipeline as data: an opportunity that begins in it, the moves that somebody asks for, and where it stands then.

kind: pipeline-tests
cases:
  - name: A viewing, then an offer
    moves: [Viewing, Offer]
    expect: {stage: Offer, probability: 50, outcome: open}
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from services.conversion.domain.changing import Unchangeable, move_stage
from services.conversion.domain.pipeline import LOST, WON, Pipeline, PipelineRules, Stage, StageName, compile_pipeline
from shared.rules import ABSENT, FieldCatalogue, LoadedRules, Text
from shared.rules.cases import MAX_CASES, Expectation, Mismatch, RuleCase, RuleCases, compare_outcome

MOST_MOVES = 100


class PipelineExpectation(Expectation):
    """Where the opportunity stands, and whether a move was refused."""

    stage: Text = ABSENT
    probability: int = Field(default=ABSENT)
    outcome: Literal["open", "won", "lost"] = ABSENT
    refused: Literal["unknown_stage", "stage_not_allowed", "nothing"] = ABSENT
    """Why the first move that was refused was; `nothing`: every move was allowed."""


class PipelineCase(RuleCase):
    """An opportunity and its moves; the stages decide whatever its lead is like."""

    moves: Annotated[tuple[StageName, ...], Field(max_length=MOST_MOVES)] = ()
    """Names of stages, in order. A move that is refused changes nothing; the next ones are tried all the same."""
    expect: PipelineExpectation


class PipelineCases(RuleCases):
    """The document."""

    catalogue: ClassVar[FieldCatalogue] = FieldCatalogue({})

    kind: Literal["pipeline-tests"]
    cases: Annotated[tuple[PipelineCase, ...], Field(min_length=1, max_length=MAX_CASES)]


@dataclass(frozen=True, slots=True)
class _Stand:
    stage: Stage
    refused: str


def run_cases(loaded: LoadedRules[PipelineRules], cases: PipelineCases) -> list[Mismatch]:
    """What the pipeline does otherwise than the cases expect."""
    pipeline = compile_pipeline(loaded.model, None)
    wrong: list[Mismatch] = []
    for index, case in enumerate(cases.cases):
        stand = _moved(pipeline, case.moves)
        found = {
            "stage": stand.stage.name,
            "probability": stand.stage.probability,
            "outcome": {WON: "won", LOST: "lost"}.get(stand.stage.probability, "open"),
            "refused": stand.refused,
        }
        why = f"the stages are {', '.join(stage.name for stage in pipeline.stages)}"
        wrong += compare_outcome(case, index, case.expect.stated(), found, why)
    return wrong


def _moved(pipeline: Pipeline, moves: tuple[str, ...]) -> _Stand:
    stage, refused = pipeline.first, "nothing"
    for name in moves:
        wanted = move_stage(stage.name, name, pipeline)
        if not isinstance(wanted, Unchangeable):
            stage = wanted
        elif refused == "nothing":
            refused = wanted.reason
    return _Stand(stage, refused)
