"""A draft beside the live model counts what it would say, and changes nothing."""

import orjson

from services.scoring.domain.model import load_scoring_model
from services.scoring.domain.scoring import CompiledModel, compile_model, weigh
from services.scoring.domain.shadowing import Pair, compare_scores
from services.scoring.domain.standing import Standing
from shared.contracts.envelope import rfc3339
from tests.support.scoring import NOW, lead, lead_id, origin

RULES = "kind: scoring\ngrades: {by: total, A: 50, B: 20, C: 5}\nrules: [{id: any, points: %d}]\n"
AT = rfc3339(NOW)


def model(points: int, version: int = 3) -> CompiledModel:
    return compile_model(load_scoring_model(RULES % points), version=version)


def standing(n: int) -> Standing:
    score = weigh(lead(n), model(10)).json_at(AT)
    return Standing(lead_id(n), 1, orjson.dumps(lead(n)), orjson.dumps(origin(n)), score, 1)


def test_scores_are_counted_by_both_grades() -> None:
    leads = [standing(n) for n in range(3)]
    before = [orjson.dumps(each.score.decode()) for each in leads]
    (found,) = compare_scores(leads, model(30), now=AT).items()
    assert found[0] == Pair("C", "B", 3)
    assert (found[1].scores, found[1].differing, found[1].difference) == (3, 3, 60)
    assert [orjson.dumps(each.score.decode()) for each in leads] == before


def test_the_same_rules_differ_in_nothing() -> None:
    (found,) = compare_scores([standing(1)], model(10, 0), now=AT).values()
    assert (found.scores, found.differing, found.difference) == (1, 0, 0)


def test_leads_without_a_score_of_their_own_are_left_out() -> None:
    erased, merged, unheard = standing(1), standing(2), Standing(lead_id(3))
    erased.erased, merged.merged_into = True, lead_id(1)
    assert compare_scores([erased, merged, unheard], model(30), now=AT) == {}
