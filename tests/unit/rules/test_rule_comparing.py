"""Two documents compared: what changes in meaning is told, what does not is not."""

from typing import Literal

import pytest

from shared.rules import Rule, RuleModel, RuleSetHeader, load_rule_document
from shared.rules.comparing import Comparison, Difference, RuleChange, compare_documents, say_condition


class Prize(Rule):
    points: int
    group: str | None = None


class Cap(RuleModel):
    max: int | None = None


class Prizes(RuleSetHeader):
    first_match = ("ordered",)

    kind: Literal["prizes"]
    rules: tuple[Prize, ...] = ()
    ordered: tuple[Rule, ...] = ()
    caps: dict[str, Cap] = {}
    grades: tuple[str, ...] = ()
    least: int = 10


def load(text: str) -> Prizes:
    return load_rule_document(f"kind: prizes\n{text}", Prizes, file="p.yaml").model


def compare(before: str, after: str) -> Comparison:
    return compare_documents(load(before), load(after))


CHIEF = "{id: chief, points: 10, when: {field: title, contains: CEO}}"
HEAD = "{id: head, points: 5}"


@pytest.mark.parametrize(
    "after",
    [
        f"rules: [{CHIEF}, {HEAD}]",
        f"rules: [{HEAD}, {CHIEF}]",
        f"# louder\nleast: 10\nrules:\n  - {CHIEF}\n  - {{points: 5, id: head, when: {{always: true}}}}",
    ],
    ids=("itself", "another order of sums", "layout and defaults"),
)
def test_what_means_the_same_does_not_differ(after: str) -> None:
    assert compare(f"rules: [{CHIEF}, {HEAD}]", after) == Comparison((), ())


def test_rules_that_came_went_or_changed_are_told_with_all_that_differs() -> None:
    changed = (
        "{id: chief, points: 12, group: top, when: {any: [{field: title, contains: CEO}, {field: vip, eq: true}]}}"
    )
    found = compare(f"rules: [{CHIEF}, {HEAD}]", f"rules: [{{id: new, points: 1}}, {changed}]")
    assert found.settings == ()
    assert found.rules == (
        RuleChange("added", "rules", "new", (Difference("points", None, "1"), Difference("when", None, "always"))),
        RuleChange(
            "changed",
            "rules",
            "chief",
            (
                Difference("points", "10", "12"),
                Difference("when", "title contains CEO", "title contains CEO or vip eq true"),
                Difference("group", None, "top"),
            ),
        ),
        RuleChange("removed", "rules", "head", (Difference("points", "5", None), Difference("when", "always", None))),
    )


def test_order_counts_where_the_first_match_wins_and_names_only_what_was_moved() -> None:
    listed = [f"{{id: r{n}, when: {{field: n, eq: {n}}}}}" for n in range(5)]
    moved = [listed[4], *listed[:4]]
    found = compare(f"ordered: [{', '.join(listed)}]", f"ordered: [{', '.join(moved)}]")
    assert found.rules == (RuleChange("changed", "ordered", "r4", (Difference("place", "5", "1"),)),)
    shorter = compare(f"ordered: [{', '.join(listed)}]", f"ordered: [{', '.join(listed[1:])}]")
    assert [(change.change, change.rule) for change in shorter.rules] == [("removed", "r0")]


def test_as_few_rules_as_can_be_are_told_to_have_moved() -> None:
    def moved(order: list[int]) -> list[str]:
        before, after = (", ".join(f"{{id: r{n}, when: {{field: n, eq: {n}}}}}" for n in o) for o in (range(6), order))
        return [change.rule for change in compare(f"ordered: [{before}]", f"ordered: [{after}]").rules]

    assert moved([1, 2, 3, 4, 5, 0]) == ["r0"]
    assert moved([3, 0, 1, 5, 2, 4]) == ["r3", "r5"]
    assert len(moved([5, 4, 3, 2, 1, 0])) == 5


def test_settings_are_told_by_their_dotted_names() -> None:
    found = compare("caps: {top: {max: 30}, gone: {}}", "caps: {top: {max: 20}}\nleast: 12\ngrades: [A, B]")
    assert set(found.settings) == {
        Difference("caps.top.max", "30", "20"),
        Difference("caps.gone", "{}", None),
        Difference("least", "10", "12"),
        Difference("grades", "[]", "[A, B]"),
    }


def test_conditions_are_said_on_one_line_without_two_readings() -> None:
    when = "{all: [{field: a, in: [1, x]}, {any: [{field: b, gte: 2}, {not: {field: c, exists: true}}]}]}"
    (rule,) = load(f"ordered: [{{id: r, when: {when}}}]").ordered
    assert say_condition(rule.when) == "a in [1, x] and (b gte 2 or not (c exists true))"
