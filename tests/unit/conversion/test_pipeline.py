"""Stages as rules: what a document may say, where the shipped one leads, and that opportunities keep theirs."""

from pathlib import Path
from typing import Any

import pytest

import services.conversion
from services.conversion import pipeline_kind
from services.conversion.domain.changing import Unchangeable, apply_change
from services.conversion.domain.parties import Opportunity
from services.conversion.domain.pipeline import UNNAMED, Pipeline, compile_pipeline, load_pipeline, may_move
from services.conversion.domain.pipeline_cases import PipelineCases, run_cases
from shared.rules import RuleFileError, load_rule_document

SHIPPED = (Path(services.conversion.__file__).parent / "rules" / "pipeline.yaml").read_text()
HOMES = """
kind: pipeline
name: homes
stages:
  - {name: Viewing, probability: 30}
  - {name: Reservation, probability: 75}
  - {name: Signed, outcome: won}
  - {name: Withdrawn, outcome: lost, probability: 0}
"""


def pipeline(text: str = HOMES) -> Pipeline:
    return compile_pipeline(load_pipeline(text, "pipeline.yaml").model, None)


def test_what_is_shipped_is_what_there_was_before_stages_were_rules() -> None:
    assert pipeline_kind.check(SHIPPED, "pipeline.yaml") == ()
    assert pipeline(SHIPPED).stages == UNNAMED.stages
    assert [(stage.name, stage.probability) for stage in UNNAMED.stages] == [
        ("Prospecting", 10),
        ("Qualification", 20),
        ("Needs Analysis", 25),
        ("Value Proposition", 30),
        ("Id. Decision Makers", 40),
        ("Perception Analysis", 50),
        ("Proposal/Price Quote", 65),
        ("Negotiation/Review", 80),
        ("Closed Won", 100),
        ("Closed Lost", 0),
    ]


def test_a_stage_is_found_by_its_name_whatever_the_case() -> None:
    assert UNNAMED.first.name == "Prospecting" and UNNAMED.find(" closed won ") == UNNAMED.stages[8]
    assert pipeline().find("Prospecting") is None


def test_an_end_has_its_probability_unwritten() -> None:
    assert [(stage.name, stage.probability, stage.closed) for stage in pipeline().stages] == [
        ("Viewing", 30, False),
        ("Reservation", 75, False),
        ("Signed", 100, True),
        ("Withdrawn", 0, True),
    ]


def test_only_a_turn_from_one_end_to_another_is_not_allowed() -> None:
    refused = {(a.name, b.name) for a in UNNAMED.stages for b in UNNAMED.stages if not may_move(a, b)}
    assert refused == {("Closed Won", "Closed Lost"), ("Closed Lost", "Closed Won")}


def opportunity(stage: str, probability: int) -> Opportunity:
    return Opportunity("o", "c", "l", "a", "p", "Deal", stage, probability)


def moved(held: Opportunity, stages: Pipeline, stage: str) -> Any:
    return apply_change(held, stages, stage=stage, amount=None, currency=None, owner=None)


def test_an_opportunity_moves_in_the_pipeline_that_it_began_in() -> None:
    reserved = moved(opportunity("Viewing", 30), pipeline(), "reservation")
    assert (reserved.stage, reserved.probability) == ("Reservation", 75)
    refused = moved(opportunity("Viewing", 30), pipeline(), "Closed Won")
    assert refused == Unchangeable("unknown_stage", "The stages are: Viewing, Reservation, Signed, Withdrawn.")


def test_of_two_ways_to_lose_one_is_chosen_by_way_of_an_open_stage() -> None:
    two = pipeline(HOMES + "  - {name: Bought elsewhere, outcome: lost}\n")
    assert moved(opportunity("Withdrawn", 0), two, "Bought elsewhere").reason == "stage_not_allowed"
    assert moved(opportunity("Withdrawn", 0), two, "Viewing").probability == 30


START = "kind: pipeline\nstages:\n"
END = "  - {name: Won, outcome: won}\n  - {name: Lost, outcome: lost}\n"
ONE = "  - {name: Talk, probability: 10}\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (START + ONE + "  - {name: ' TALK ', probability: 20}\n" + END, "p.yaml:4:12 stages[1].name: expected a name"),
        (START + "  - {name: Talk}\n" + END, "p.yaml:3:5 stages[0]: expected a probability of 1 to 99"),
        (START + "  - {name: Talk, probability: 100}\n" + END, "p.yaml:3:31 stages[0].probability: expected 1 to 99"),
        (START + "  - {name: Talk, probability: 0}\n" + END, "write outcome: won or outcome: lost"),
        (START + "  - {name: Talk, probability: 101}\n" + END, "p.yaml:3:31 stages[0].probability"),
        (START + "  - {name: Talk, probability: '10'}\n" + END, "p.yaml:3:31 stages[0].probability"),
        (START + "  - {name: Talk, probabilty: 10}\n" + END, "p.yaml:3:18 stages[0].probabilty"),
        (START + ONE + "  - {name: W, outcome: won, probability: 90}\n" + END, "p.yaml:4:42 stages[1].probability"),
        (START + ONE + "  - {name: W, outcome: maybe}\n" + END, "p.yaml:4:24 stages[1].outcome"),
        (
            START + ONE + END + "  - {name: Late, probability: 50}\n",
            "p.yaml:6:5 stages[3]: expected open stages before",
        ),
        (START + END, "p.yaml:3:5 stages[0]: expected an open stage to begin with"),
        (START + ONE + "  - {name: Won, outcome: won}\n", "p.yaml:3:3 stages: expected a stage with outcome: lost"),
        (START + ONE + "  - {name: Lost, outcome: lost}\n", "p.yaml:3:3 stages: expected a stage with outcome: won"),
        (START + '  - {name: "a\\0b", probability: 5}\n' + END, "stages[0].name: expected a name of printable"),
        (START + "  - {name: ' ', probability: 5}\n" + END, "stages[0].name: expected a name of printable"),
        ("kind: pipeline\nstages: []\n", "p.yaml:2:9 stages"),
        ("kind: pipeline\n", "stages"),
    ],
)
def test_a_broken_pipeline_is_refused_with_its_place(text: str, problem: str) -> None:
    with pytest.raises(RuleFileError) as refused:
        pipeline_kind.check(text, "p.yaml")
    assert problem in str(refused.value)


def found(cases: str) -> list[tuple[str, str, str]]:
    loaded = load_rule_document(cases, PipelineCases, file="pipeline.tests.yaml")
    wrong = run_cases(load_pipeline(HOMES, "pipeline.yaml"), loaded.model)
    return [(str(one.path[-1]), one.expected, one.found) for one in wrong]


def test_cases_say_what_came_out_otherwise() -> None:
    case = "kind: pipeline-tests\ncases:\n  - {{name: a, moves: [{}], expect: {{{}}}}}\n".format
    assert found(case("Reservation, Signed", "stage: Signed, probability: 100, outcome: won, refused: nothing")) == []
    assert found(case("Signed, Withdrawn", "outcome: won, refused: stage_not_allowed")) == []
    assert found(case("Prospecting, Reservation", "stage: Reservation, refused: unknown_stage")) == []
    assert found(case("", "outcome: won, probability: 10")) == [("probability", "10", "30"), ("outcome", "won", "open")]
    with pytest.raises(RuleFileError, match="at least one of"):
        found(case("", ""))


def test_the_kind_is_known_by_name() -> None:
    assert (pipeline_kind.KIND, pipeline_kind.SERVICE) == ("pipeline", "conversion")
