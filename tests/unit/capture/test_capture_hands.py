"""Who typed a lead in and who referred it: read where it names somebody, else kept as the source's own field."""

from typing import Any

import orjson
import pytest

from services.capture.domain.fact_shape import LeadFacts
from services.capture.domain.facts import facts_of, merge_facts, stamp_of
from services.capture.domain.hands import clean_author, clean_referrer
from services.capture.domain.hygiene import CleanSubmission, read_submission
from services.capture.domain.view import lead_view
from tests.support.sources import AT


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("ann@example.com", "email:ann@example.com"),
        (" Ann@Example.COM ", "email:ann@example.com"),
        ("email: ann@example.com", "email:ann@example.com"),
        ("lead:018f0c3e-0000-7000-8000-000000000001", "lead:018f0c3e-0000-7000-8000-000000000001"),
        ("Account: A-77", "account:A-77"),
        ("contact:c:1", "contact:c:1"),
        ("lead:", None),
        ("a friend", None),
        ("email:a friend", None),
        ("x" * 257, None),
        ("", None),
        (7, None),
        ({"id": "7"}, None),
        (None, None),
    ],
)
def test_a_referrer_is_an_address_or_names_what_it_is(given: Any, kept: str | None) -> None:
    assert clean_referrer(given) == kept


def test_an_author_is_a_text() -> None:
    assert [clean_author(given) for given in (" sam ", "", "x" * 257, 7, None)] == ["sam", None, None, None, None]


def test_what_names_nobody_costs_no_lead_and_stays_in_extra() -> None:
    view = lead_view(layer(0, entered_by=["sam"], referrer_ref="a friend"), "1")
    assert view["extra"] == {"entered_by": ["sam"], "referrer_ref": "a friend"}
    assert "entered_by" not in view and "referrer_ref" not in view


def test_the_first_stands_whichever_way_the_records_come() -> None:
    first = layer(1, entered_by="sam", referrer_ref="account:A-77")
    second = layer(2, entered_by="kim", referrer_ref="bob@example.com")
    for state in (merge_facts(first, second), merge_facts(second, first)):
        view = lead_view(state, "1")
        assert (view["entered_by"], view["referrer_ref"]) == ("sam", "account:A-77")


def layer(minute: int, **fields: Any) -> LeadFacts:
    clean = read_submission(orjson.dumps({"email": "lee@example.com", **fields}))
    assert isinstance(clean, CleanSubmission)
    return facts_of(clean, stamp_of(AT.replace(minute=minute), str(minute)), source_name="crm")
