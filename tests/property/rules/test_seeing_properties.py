"""What is read for the rules answers every condition as the whole document does, whatever its form."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.rules import compile_condition, fields_asked, reader_of
from tests.property.rules.test_rule_properties import conditions, facts_of_leads, validated


def is_json(facts: Any) -> bool:
    """Whether a lead can have these facts: no halves of characters, no numbers beyond 64 bits."""
    try:
        return bool(orjson.dumps(facts))
    except TypeError:
        return False


@settings(max_examples=300)
@given(
    st.lists(conditions, min_size=1, max_size=4),
    facts_of_leads.filter(is_json),
    st.sampled_from([0, orjson.OPT_INDENT_2]),
)
def test_conditions_say_the_same_of_what_is_seen(asked: list[dict[str, Any]], facts: dict[str, Any], how: int) -> None:
    models = [validated(condition) for condition in asked]
    document = orjson.dumps(facts, option=how)
    whole, seen = orjson.loads(document), reader_of(fields_asked(models))(document)
    for explain in (compile_condition(model).explain for model in models):
        assert explain(seen) == explain(whole)


@pytest.mark.parametrize(
    ("document", "seen"),
    [
        (b'{"title":"CEO","company":{"name":"E","employees":5},"notes":[1]}', {"title": "CEO", "company": {"employees": 5}}),
        (b'{"company":null}', {"company": None}),
        (b'{"company":"E","notes":1}', {"company": "E", "notes": 1}),
        (b'{"extra":{"size":1,"b":2}}', {"extra": {"size": 1, "b": 2}}),
        (b'{"title":"a","title":"b"}', {"title": "b"}),
    ],
)  # fmt: skip
def test_no_more_is_read_than_asked_but_where_the_form_is_another(document: bytes, seen: dict[str, Any]) -> None:
    assert reader_of(["title", "company.employees", "extra", "extra.size"])(document) == seen
