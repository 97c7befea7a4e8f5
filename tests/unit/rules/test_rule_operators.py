"""Each operator against values that meet it, miss it, are of another kind, or are not there."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.rules import Condition, compile_condition

CONDITIONS: TypeAdapter[Any] = TypeAdapter(Condition)
NAN = float("nan")

TABLE: list[tuple[dict[str, Any], list[Any], list[Any]]] = [
    ({"eq": "VP"}, ["vp", "VP", "\uff36\uff30"], ["v", "", 1, True, None, ["vp"], {}]),
    ({"eq": "STRASSE"}, ["straße"], ["strase"]),
    ({"eq": 5}, [5, 5.0], [4, "5", True, None, NAN, [5]]),
    ({"eq": 1}, [1], [True, "1"]),
    ({"eq": True}, [True], [False, 1, "true", None]),
    ({"ne": "vp"}, ["ceo", ""], ["VP", None, 5, True, []]),
    ({"ne": 5}, [4, 5.5], [5, 5.0, None, "4", True, NAN]),
    ({"ne": False}, [True], [False, None, 0, 1]),
    ({"in": ["US", "no"]}, ["us", "NO"], ["se", None, 1, False, ["us"]]),
    ({"in": [1, "a", True]}, [1, 1.0, "A", True], [2, "b", False, None, [1]]),
    ({"in": [1, 2]}, [1, 2.0], [True, "1", NAN]),
    ({"not_in": ["US", "CA"]}, ["se", ""], ["us", None, 5, True, ["se"]]),
    ({"not_in": [1, 2]}, [3, 0.5], [1, None, "3", True, NAN]),
    ({"gt": 10}, [11, 10.5, 10**400], [10, 9, None, "11", True, NAN, [11]]),
    ({"gte": 10}, [10, 11], [9.99, None, "10", NAN]),
    ({"lt": 1}, [0, 0.5, -1], [1, None, "0", False, NAN]),
    ({"lte": 1}, [1, 0], [1.1, None, "1", True, NAN]),
    ({"between": [10, 20]}, [10, 15.5, 20], [9, 21, None, "15", NAN]),
    ({"contains": "VP"}, ["Senior vp", ["x", "vp"]], ["v p", None, 5, ["svp"], {"vp": 1}, [None, 3]]),
    ({"contains": 3}, [[1, 3], [3.0]], [3, "3", ["3"], [True], None]),
    ({"not_contains": "vp"}, ["ceo", ["svp"], []], ["VP", ["vp"], None, 5]),
    ({"not_contains": 3}, [[1]], [[3], 4, "x", None]),
    ({"starts_with": "vice"}, ["Vice President"], ["the vice", None, 5, ["vice"]]),
    ({"ends_with": ".EDU"}, ["mit.edu"], ["edu.com", None, 5]),
    ({"matches": r"^(vp|chief)\b"}, ["VP Sales", "chief"], ["svp", "vps", None, 5, ["vp"]]),
    ({"exists": True}, ["", 0, False, [], "x"], [None]),
    ({"exists": False}, [None], ["", 0, False]),
    ({"is_empty": True}, [None, "", "  ", [], {}], ["x", 0, False, [0]]),
    ({"is_empty": False}, ["x", 0, False, [0], {"a": 1}], [None, "", " ", []]),
]


def holds(condition: dict[str, Any], facts: dict[str, Any]) -> bool:
    return compile_condition(CONDITIONS.validate_python(condition)).holds(facts)


@pytest.mark.parametrize(
    ("condition", "value"), [({"field": "f", **operator}, value) for operator, values, _ in TABLE for value in values]
)
def test_condition_is_met(condition: dict[str, Any], value: Any) -> None:
    assert holds(condition, {"f": value})


@pytest.mark.parametrize(
    ("condition", "value"), [({"field": "f", **operator}, value) for operator, _, values in TABLE for value in values]
)
def test_condition_is_not_met(condition: dict[str, Any], value: Any) -> None:
    assert not holds(condition, {"f": value})


@pytest.mark.parametrize(
    ("operator", "answer"),
    [(operator, operator in ({"exists": False}, {"is_empty": True})) for operator, _, _ in TABLE],
)
@pytest.mark.parametrize("facts", [{}, {"a": None}, {"a": {}}, {"a": "text"}, {"a": [1]}, {"a": {"b": None}}])
def test_missing_field_answers_false_except_for_absence(
    operator: dict[str, Any], answer: bool, facts: dict[str, Any]
) -> None:
    condition = {"field": "a.b", **operator}
    assert holds(condition, facts) is answer
    assert holds({"not": condition}, facts) is not answer


def test_dotted_paths_reach_nested_facts() -> None:
    facts = {"a": {"b": {"c": {"d": 5}}}}
    assert holds({"field": "a.b.c.d", "eq": 5}, facts)
    assert not holds({"field": "a.b.c", "eq": 5}, facts)


@pytest.mark.parametrize(
    ("condition", "answer"),
    [
        ({"always": True}, True),
        ({"not": {"always": True}}, False),
        ({"all": [{"field": "x", "eq": 1}, {"field": "y", "eq": 2}]}, True),
        ({"all": [{"field": "x", "eq": 1}, {"field": "y", "eq": 3}]}, False),
        ({"any": [{"field": "x", "eq": 9}, {"field": "y", "eq": 2}]}, True),
        ({"any": [{"field": "x", "eq": 9}, {"field": "y", "eq": 9}]}, False),
        ({"not": {"all": [{"field": "x", "eq": 1}, {"field": "y", "eq": 9}]}}, True),
        ({"not": {"any": [{"field": "x", "eq": 9}, {"field": "y", "eq": 2}]}}, False),
        ({"any": [{"all": [{"field": "x", "eq": 9}]}, {"not": {"field": "y", "eq": 9}}]}, True),
        ({"not": {"not": {"field": "x", "eq": 1}}}, True),
    ],
)
def test_groups(condition: dict[str, Any], answer: bool) -> None:
    assert holds(condition, {"x": 1, "y": 2}) is answer


def test_every_condition_reports_also_after_a_failure() -> None:
    condition = CONDITIONS.validate_python(
        {
            "all": [
                {"field": "size", "gte": 200},
                {"not": {"field": "free", "eq": True}},
                {"any": [{"field": "title", "contains": "VP"}, {"field": "title", "contains": "Chief"}]},
            ]
        }
    )
    verdict = compile_condition(condition).explain({"size": 5, "free": False, "title": "Chief of staff"})
    assert not verdict.met
    assert [(each.field, each.operator, each.expected, each.negated) for each in verdict.matched] == [
        ("free", "eq", True, True),
        ("title", "contains", "Chief", False),
    ]
    assert [(each.field, each.expected) for each in verdict.failed] == [("size", 200), ("title", "VP")]


def test_verdicts_never_carry_the_value_of_the_lead() -> None:
    condition = CONDITIONS.validate_python({"field": "email", "ends_with": ".edu"})
    assert "ada@" not in repr(compile_condition(condition).explain({"email": "ada@example.edu"}))


@pytest.mark.parametrize(
    "condition",
    [
        {"field": "x"},
        {"field": "x", "eq": 1, "ne": 2},
        {"field": "x", "eq": None},
        {"field": "x", "eq": [1]},
        {"field": "x", "eq": NAN},
        {"field": "x", "gt": "5"},
        {"field": "x", "gt": True},
        {"field": "x", "gt": float("inf")},
        {"field": "x", "in": []},
        {"field": "x", "in": "US"},
        {"field": "x", "between": [2, 1]},
        {"field": "x", "between": [1]},
        {"field": "x", "contains": ""},
        {"field": "x", "starts_with": 5},
        {"field": "x", "matches": "("},
        {"field": "x", "exists": "yes"},
        {"field": "x", "like": "y"},
        {"field": "", "eq": 1},
        {"field": "a..b", "eq": 1},
        {"field": "a b", "eq": 1},
        {"field": 5, "eq": 1},
        {"all": []},
        {"all": [], "any": []},
        {"not": [{"always": True}]},
        {"always": False},
        {},
        5,
        None,
    ],
)
def test_conditions_that_are_refused(condition: Any) -> None:
    with pytest.raises(ValidationError):
        CONDITIONS.validate_python(condition)
