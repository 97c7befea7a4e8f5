"""Rules that are allowed and probably not meant: never matching, never reached."""

import pytest

from shared.rules import Rule, RuleSetHeader, load_rule_document


class Entries(RuleSetHeader):
    first_match = ("ordered",)

    ordered: tuple[Rule, ...] = ()
    summed: tuple[Rule, ...] = ()


def warnings(text: str) -> list[str]:
    loaded = load_rule_document("kind: entries\n" + text, Entries, file="e.yaml")
    return [str(warning) for warning in loaded.warnings]


def of_condition(condition: str) -> list[str]:
    return warnings(f"summed: [{{id: a, when: {condition}}}]\n")


@pytest.mark.parametrize(
    "condition",
    [
        "{all: [{field: n, gt: 5}, {field: n, lt: 5}]}",
        "{all: [{field: n, gt: 5}, {field: n, lte: 5}]}",
        "{all: [{field: n, gte: 6}, {field: x, eq: 1}, {field: n, lt: 6}]}",
        "{all: [{field: n, between: [1, 2]}, {field: n, gt: 2}]}",
        "{all: [{field: n, between: [1, 2]}, {field: n, between: [3, 4]}]}",
        "{all: [{field: t, eq: a}, {field: t, eq: b}]}",
        "{all: [{field: t, eq: a}, {field: t, ne: A}]}",
        "{all: [{field: t, in: [a, b]}, {field: t, in: [c]}]}",
        "{all: [{field: t, in: [a, b]}, {field: t, not_in: [B, a, c]}]}",
        "{all: [{field: t, eq: vice}, {field: t, contains: chief}]}",
        "{all: [{field: n, eq: 5}, {field: n, gt: 5}]}",
        "{all: [{field: t, exists: false}, {field: t, eq: a}]}",
        "{all: [{field: t, exists: false}, {field: t, not_contains: a}]}",
        "{all: [{field: t, is_empty: true}, {field: t, eq: a}]}",
        "{all: [{field: n, is_empty: true}, {field: n, gt: 1}]}",
        "{all: [{field: t, is_empty: true}, {field: t, is_empty: false}]}",
        "{all: [{field: n, gt: 5}, {all: [{field: n, lt: 4}]}]}",
        "{all: [{always: true}, {any: [{all: [{field: t, eq: a}, {field: t, eq: b}]}]}]}",
    ],
)
def test_contradictions_are_found(condition: str) -> None:
    found = of_condition(condition)
    assert len(found) == 1
    assert found[0].startswith("e.yaml:2:24 summed[0].when: can never match: no value of ")


@pytest.mark.parametrize(
    "condition",
    [
        "{all: [{field: n, gte: 5}, {field: n, lte: 5}]}",
        "{all: [{field: n, gt: 5}, {field: m, lt: 5}]}",
        "{any: [{field: t, eq: a}, {field: t, eq: b}]}",
        "{any: [{field: t, eq: a}, {all: [{field: t, eq: a}, {field: t, eq: b}]}]}",
        "{all: [{field: t, in: [a, b]}, {field: t, in: [B, c]}]}",
        "{all: [{field: t, exists: false}, {field: t, is_empty: true}]}",
        "{all: [{field: t, exists: true}, {field: t, is_empty: true}]}",
        "{all: [{field: t, contains: a}, {field: t, not_contains: b}]}",
        "{not: {all: [{field: t, eq: a}, {field: t, eq: b}]}}",
        "{all: [{not: {field: t, eq: a}}, {field: t, eq: b}]}",
    ],
)
def test_conditions_that_can_hold_are_not_warned_about(condition: str) -> None:
    assert of_condition(condition) == []


def test_entries_behind_a_catch_all_are_never_reached() -> None:
    found = warnings("ordered:\n  - {id: a}\n  - {id: b, when: {field: t, eq: x}}\n  - {id: c}\n")
    assert found == [
        "e.yaml:4:5 ordered[1]: is never reached: entry 1 always matches",
        "e.yaml:5:5 ordered[2]: is never reached: entry 1 always matches",
    ]


def test_entry_with_the_condition_of_an_earlier_one_is_never_reached() -> None:
    found = warnings(
        "ordered:\n  - {id: a, when: {field: t, eq: x}}\n  - {id: b, when: {eq: x, field: t}}\n  - {id: c}\n"
    )
    assert found == ["e.yaml:4:5 ordered[1]: is never reached: entry 1 has the same condition"]


def test_lists_in_which_all_rules_count_may_hold_catch_alls() -> None:
    assert warnings("summed: [{id: a}, {id: b}, {id: c, when: {always: true}}]\n") == []
