"""Who gets a lead, and how it is explained."""

from typing import Any

import orjson
import pytest

from services.routing.domain.assignment import Assignment, Turn, assign_by_hand, choose_assignment
from services.routing.domain.catalogue import facts_of
from services.routing.domain.inbound import ScoredLead
from services.routing.domain.roster import Member, Roster, next_in_turn
from services.routing.handlers.merging import merged_state
from services.routing.handlers.routing import with_newer_parts
from services.routing.ports import RoutedLead
from services.routing.seed import RULES_FILE
from shared.contracts.events.routing import Assignment as AssignmentContract
from tests.support.routing import NOW, document, lead_id, policy, scored

SALES = Roster.of([Member(name, True, ("sales",)) for name in ("chris", "ann", "ben")])
ROUND_ROBIN = "  - id: turn\n    when: {field: score.grade, eq: A}\n    assign: {round_robin: sales}\n"


def chosen(
    text: str, roster: Roster = SALES, rotations: dict[str, str | None] | None = None, **lead: Any
) -> tuple[Assignment, Turn | None]:
    event = scored(1, **lead)
    return choose_assignment(
        facts_of(event["lead"], event["score"]),
        policy(text),
        roster,
        rotations or {},
        now="2026-03-01T12:00:00Z",
        assignment_id=lead_id("assignment"),
    )


@pytest.mark.parametrize(
    ("lead", "rule", "owner", "queue"),
    [
        ({"grade": "A"}, "qualified", "ann", None),
        ({"grade": "B"}, "qualified", "ann", None),
        ({"grade": "A", "company": {"employees": 1000}}, "enterprise", None, "enterprise"),
        ({"grade": "B", "company": {"employees": 999}}, "qualified", "ann", None),
        ({"grade": "C", "company": {"employees": 5000}}, "nurture", None, "marketing"),
        ({"grade": "D"}, "nurture", None, "marketing"),
    ],
)
def test_the_default_rules(lead: dict[str, Any], rule: str, owner: str | None, queue: str | None) -> None:
    assignment, _ = chosen(RULES_FILE.read_text(), **lead)
    assert (assignment.rule, assignment.owner, assignment.queue) == (rule, owner, queue)


def test_the_trace_names_every_rule_tried_with_its_failed_conditions_and_no_values() -> None:
    text = document(
        "  - id: big\n    when: {all: [{field: company.employees, gte: 1000}, {field: source, in: [fair, ads]}]}\n"
        "    assign: {owner: ann}\n"
        "  - id: abroad\n    when: {not: {field: company.employees, between: [1, 300]}}\n    assign: {owner: ann}\n"
        "  - id: rest\n    assign: {queue: marketing}\n"
        "  - id: never\n    assign: {owner: ann}\n"
    )
    assignment, turn = chosen(text)
    trace = [(step.rule, step.matched, list(step.failed)) for step in assignment.trace]
    assert trace == [
        ("big", False, ["company.employees gte 1000", "source in [fair, ads]"]),
        ("abroad", False, ["not company.employees between [1, 300]"]),
        ("rest", True, []),
    ]
    assert turn is None
    assert "website" not in orjson.dumps(assignment).decode()


def test_long_lists_and_texts_of_rules_are_shortened_in_the_trace() -> None:
    values = ", ".join(f"value-{n}" for n in range(50))
    text = document(
        f"  - id: long\n    when: {{field: source, in: [{values}, {'x' * 100}]}}\n    assign: {{owner: ann}}\n"
    )
    (failed,) = chosen(text)[0].trace[0].failed
    assert failed.endswith("value-7, and 43 more]")


def test_nothing_matches_and_the_default_queue_takes_it_with_the_reason() -> None:
    assignment, turn = chosen(document(ROUND_ROBIN), grade="D")
    assert (assignment.queue, assignment.owner) == ("unassigned", None)
    assert (assignment.rule, assignment.strategy, assignment.reason) == ("default", "default", "no_rule_matched")
    assert turn is None


@pytest.mark.parametrize(
    ("owner", "active", "reason"), [("zoe", True, "owner_unknown"), ("ann", False, "owner_inactive")]
)
def test_an_owner_who_is_not_there_leaves_the_lead_to_the_default_queue(owner: str, active: bool, reason: str) -> None:
    text = document(f"  - id: fixed\n    assign: {{owner: {owner}}}\n")
    assignment, _ = chosen(text, Roster.of([Member("ann", active)]))
    assert (assignment.queue, assignment.owner, assignment.strategy) == ("unassigned", None, "default")
    assert (assignment.rule, assignment.reason) == ("fixed", reason)
    assert list(assignment.trace[0].skipped) == [f"{owner}: {reason.removeprefix('owner_')}"]


def test_a_fixed_owner_who_is_there() -> None:
    assignment, _ = chosen(document("  - id: fixed\n    assign: {owner: ben}\n"))
    assert (assignment.owner, assignment.queue, assignment.strategy) == ("ben", None, "owner")


def test_turns_follow_the_last_assigned_one_and_skip_who_is_inactive() -> None:
    roster = Roster.of([Member("ann", True, ("sales",)), Member("ben", False, ("sales",)), Member("eve", True)])
    assignment, turn = chosen(document(ROUND_ROBIN), roster, {"queue/sales": "ann"})
    assert (assignment.owner, turn) == ("ann", Turn("queue/sales", "ann"))
    assert list(assignment.trace[0].skipped) == ["ben: inactive"]


@pytest.mark.parametrize("members", [[], [Member("ann", False, ("sales",))], [Member("eve", True, ("marketing",))]])
def test_nobody_in_the_rotation_is_there(members: list[Member]) -> None:
    assignment, turn = chosen(document(ROUND_ROBIN), Roster.of(members))
    assert (assignment.queue, assignment.strategy, assignment.reason) == ("unassigned", "default", "nobody_available")
    assert turn is None


def test_a_written_list_keeps_its_order_and_a_rotation_of_its_own() -> None:
    text = document("  - id: pair\n    assign: {round_robin: [chris, zoe, ann]}\n")
    first, turn = chosen(text)
    assert (first.owner, turn) == ("chris", Turn("rule/pair", "chris"))
    second, _ = chosen(text, rotations={"rule/pair": "chris"})
    assert second.owner == "ann"
    assert list(second.trace[0].skipped) == ["zoe: unknown"]


def test_a_last_member_who_has_left_keeps_the_place() -> None:
    assert next_in_turn(("ann", "chris"), "ben", Roster.of([Member("ann", True), Member("chris", True)]))[0] == "chris"


def test_a_rotation_full_of_absent_members_is_shortened_in_the_trace() -> None:
    order = tuple(f"m{n:03}" for n in range(100))
    nobody, skipped = next_in_turn(order, None, Roster.of([Member(name, False) for name in order]))
    assert nobody is None
    assert len(skipped) == 21
    assert skipped[-1] == "and 80 more"


@pytest.mark.parametrize("amount", ["1500.00", None, "much", 1500, {}])
def test_amounts_are_compared_as_numbers_and_unreadable_ones_never_match(amount: Any) -> None:
    text = document("  - id: rich\n    when: {field: budget.amount, gte: 1000}\n    assign: {owner: ann}\n")
    assignment, _ = chosen(text, budget={"amount": amount})
    assert (assignment.rule == "rich") is (amount in ("1500.00", 1500))


def test_what_is_chosen_is_what_the_contract_says() -> None:
    for assignment in (
        chosen(RULES_FILE.read_text())[0],
        assign_by_hand(
            owner=None, queue="sales", reason="asked", policy=policy(document("  []")), now="t", assignment_id="i"
        ),
    ):
        raw = orjson.dumps(assignment)
        assert orjson.loads(
            AssignmentContract.model_validate_json(raw).model_dump_json(exclude_unset=True)
        ) == orjson.loads(raw)


STATE = RoutedLead(lead_id(1), 3, b'{"n":"old"}', 3, b'{"s":"old"}', b'{"o":"old"}', b"{}", 1, "ann", None, NOW)


@pytest.mark.parametrize(
    ("versions", "newer"),
    [((3, 3), ""), ((2, 3), ""), ((1, 1), ""), ((4, 3), "lead"), ((3, 4), "score"), ((4, 2), "lead"), ((4, 4), "both")],
)
def test_each_part_is_taken_only_where_it_is_newer(versions: tuple[int, int], newer: str) -> None:
    event = ScoredLead.model_validate_json(orjson.dumps(scored(1, lead_version=versions[0], score_version=versions[1])))
    state = with_newer_parts(STATE, event)
    if not newer:
        assert state is None
        return
    assert state is not None
    assert (state.lead != STATE.lead, state.lead_version) == (newer in ("lead", "both"), max(3, versions[0]))
    assert (state.score != STATE.score, state.score_version) == (newer in ("score", "both"), max(3, versions[1]))
    assert state.origin != STATE.origin
    assert (state.assignment, state.assignment_version, state.owner) == (b"{}", 1, "ann")


def test_a_winner_that_was_merged_away_itself_gives_the_survivor_no_facts() -> None:
    from shared.contracts.thin import MergedLead
    from tests.support.routing import merged

    event = MergedLead.model_validate(merged("winner", "loser", lead_version=9))
    taken = merged_state(event, lead_id("survivor"), None, STATE)
    assert taken is not None
    assert (taken.lead_id, taken.lead_version, taken.score_version) == (lead_id("survivor"), 0, 0)
    assert orjson.loads(taken.lead)["lead_id"] == lead_id("survivor")
    own = RoutedLead(lead_id("survivor"), 1, b"{}", 1, b"{}", b"{}", b"{}", 1, "ben", None, NOW)
    assert merged_state(event, lead_id("survivor"), own, STATE) is own
