"""How leads' scores are brought together to that of a company."""

from typing import Any, cast

import pytest
from fastapi.routing import APIRoute
from hypothesis import given
from hypothesis import strategies as st

from services.scoring.api import account_scores_router
from services.scoring.domain.accounts import Member, account_key, account_score
from services.scoring.domain.model import load_scoring_model
from services.scoring.domain.parts import AccountScore
from shared.rules import RuleFileError
from shared.runtime.problems import Problem


def member(name: str, fit: int, engagement: int) -> Member:
    return Member(name, {"fit": fit, "engagement": engagement, "value": fit + engagement, "grade": "D"})


LEADS = [member("a", 80, 30), member("b", 21, 50), member("c", 0, 40)]


@pytest.mark.parametrize(
    ("how", "fit", "engagement", "clamp"),
    [
        ({}, 80, 100, -20),
        ({"fit": "mean", "engagement": "mean"}, 34, 40, 0),
        ({"engagement": "max"}, 80, 50, 0),
        ({"max": 60}, 60, 60, -80),
    ],
)
def test_each_axis_is_brought_together_as_it_is_configured(
    how: dict[str, Any], fit: int, engagement: int, clamp: int
) -> None:
    score = account_score(LEADS, AccountScore(**how))
    assert (score["fit"], score["engagement"], score["clamp"]) == (fit, engagement, clamp)
    assert score["value"] == fit + engagement
    assert [each["lead_id"] for each in score["leads"]] == ["a", "b", "c"]


members = st.lists(
    st.builds(member, st.text(max_size=3), st.integers(0, 100), st.integers(0, 100)), min_size=1, max_size=8
)


@given(
    members,
    st.sampled_from(["max", "mean"]),
    st.sampled_from(["sum", "max", "mean"]),
    st.randoms(use_true_random=False),
)
def test_the_order_of_leads_does_not_matter(leads: list[Member], fit: Any, engagement: Any, random: Any) -> None:
    how = AccountScore(fit=fit, engagement=engagement)
    one, other = account_score(leads, how), account_score(random.sample(leads, len(leads)), how)
    assert {name: one[name] for name in one if name != "leads"} == {
        name: other[name] for name in other if name != "leads"
    }
    assert 0 <= one["fit"] <= 100 and 0 <= one["engagement"] <= 100


@pytest.mark.parametrize(
    ("company", "key"),
    [
        ({"domain": "Northwind.example", "name_key": "northwind"}, "domain:northwind.example"),
        ({"domain": None, "name_key": "northwind"}, "name:northwind"),
        ({"domain": "", "name_key": ""}, None),
        ({"domain": 5, "name_key": ["x"]}, None),
        ("Northwind", None),
        (None, None),
    ],
)
def test_by_what_a_lead_belongs_to_a_company(company: Any, key: str | None) -> None:
    assert account_key({"company": company}) == key


def test_a_broken_section_is_refused() -> None:
    with pytest.raises(RuleFileError, match="'max' or 'mean'"):
        load_scoring_model("kind: scoring\nrules: []\naccount: {fit: sum}\n")


async def test_a_company_that_no_database_can_name_is_not_found() -> None:
    (route,) = account_scores_router(cast(Any, None), cast(Any, None)).routes
    with pytest.raises(Problem, match="not_found"):
        await cast(APIRoute, route).endpoint("north\0wind")
