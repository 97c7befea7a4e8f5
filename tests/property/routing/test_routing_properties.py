"""Turns are fair and deterministic, the first match wins, and there is always an owner or a queue."""

from collections import Counter
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from services.routing.domain.assignment import (
    Dealing,
    assignment_json,
    choose_assignment,
    find_match,
    match_rule,
)
from services.routing.domain.catalogue import facts_of
from services.routing.domain.roster import Member, Roster
from services.routing.domain.rules import AssignmentPolicy
from tests.support.routing import document, policy, scored

NAMES = [f"m{n:02}" for n in range(12)]
QUEUES = ("sales", "marketing", "unassigned")
members = st.lists(
    st.builds(Member, st.sampled_from(NAMES), st.booleans(), st.lists(st.sampled_from(QUEUES)).map(tuple)),
    unique_by=lambda member: member.member_id,
)
IN_TURN = policy(document("  - id: turn\n    assign: {round_robin: sales}\n"))
Rotations = dict[str, str | None]


def assign(policy_: AssignmentPolicy, roster: Roster, rotations: Rotations, **lead: Any) -> Any:
    event = scored(1, **lead)
    facts = facts_of(event["lead"], event["score"])
    made, turn = choose_assignment(facts, policy_, roster, rotations, now="t", assignment_id="i")
    if turn is not None:
        rotations[turn.rotation] = turn.member_id
    return made


@given(members, st.integers(0, 60), st.one_of(st.none(), st.sampled_from([*NAMES, "zz", "a"])))
def test_over_any_window_shares_differ_by_one_lead_at_most(found: list[Member], leads: int, last: str | None) -> None:
    roster = Roster.of(found)
    rotations: Rotations = {"queue/sales": last}
    owners = [assign(IN_TURN, roster, rotations).owner for _ in range(leads)]
    active = [m.member_id for m in found if m.active and "sales" in m.queues]
    if not active:
        assert set(owners) <= {None}
        return
    for start in range(0, leads, 7):
        share = Counter(owners[start:])
        counts = [share[member] for member in active]
        assert max(counts) - min(counts) <= 1
        assert sum(counts) == leads - start


@given(members, st.lists(st.integers(0, 9), max_size=8), st.randoms(use_true_random=False))
def test_turns_depend_neither_on_batches_nor_on_the_order_of_the_rows(
    found: list[Member], batches: list[int], random: Any
) -> None:
    rotations: Rotations = {}
    whole = [assign(IN_TURN, Roster.of(found), rotations).owner for _ in range(sum(batches))]
    stored: Rotations = {}
    cut: list[str | None] = []
    for size in batches:
        rows = list(found)
        random.shuffle(rows)
        in_batch = dict(stored)
        cut += [assign(IN_TURN, Roster.of(rows), in_batch).owner for _ in range(size)]
        stored = in_batch
    assert cut == whole


@given(members, members, st.integers(0, 30), st.integers(0, 30))
def test_a_changed_membership_is_fair_from_then_on(before: list[Member], after: list[Member], m: int, n: int) -> None:
    rotations: Rotations = {}
    for _ in range(m):
        assign(IN_TURN, Roster.of(before), rotations)
    share = Counter(assign(IN_TURN, Roster.of(after), rotations).owner for _ in range(n))
    active = [x.member_id for x in after if x.active and "sales" in x.queues]
    if active:
        assert max(share[x] for x in active) - min(share[x] for x in active) <= 1


conditions = st.one_of(
    st.sampled_from(["A", "B", "C", "D"]).map(lambda grade: f"{{field: score.grade, eq: {grade}}}"),
    st.integers(0, 500).map(lambda n: f"{{field: company.employees, gte: {n}}}"),
    st.just("{always: true}"),
    st.just("{field: extra.unknown, eq: 1}"),
)
targets = st.one_of(
    st.sampled_from(NAMES).map(lambda name: f"{{owner: {name}}}"),
    st.sampled_from(QUEUES).map(lambda queue: f"{{queue: {queue}}}"),
    st.sampled_from(QUEUES).map(lambda queue: f"{{round_robin: {queue}}}"),
    st.lists(st.sampled_from(NAMES), min_size=1, unique=True).map(lambda ids: f"{{round_robin: [{', '.join(ids)}]}}"),
)
documents = st.lists(st.tuples(conditions, targets), max_size=6).map(
    lambda entries: document(
        "".join(f"  - id: r{n}\n    when: {when}\n    assign: {to}\n" for n, (when, to) in enumerate(entries)) or "  []"
    )
)


@given(documents, members, st.sampled_from("ABCD"), st.one_of(st.none(), st.integers(0, 600)))
def test_there_is_always_exactly_one_owner_or_one_queue(
    text: str, found: list[Member], grade: str, employees: int | None
) -> None:
    roster, rules = Roster.of(found), policy(text)
    made = assign(rules, roster, {}, grade=grade, company={"employees": employees})
    assert (made.owner is None) != (made.queue is None)
    if made.owner is not None:
        assert roster.standing(made.owner) == "active"
    else:
        assert made.queue in rules.queues
    again = assign(policy(text), roster, {}, grade=grade, company={"employees": employees})
    assert orjson.dumps(again) == orjson.dumps(made)


@given(documents, st.sampled_from("ABCD"), st.one_of(st.none(), st.integers(0, 600)))
def test_the_first_match_wins_and_nothing_behind_it_is_tried(text: str, grade: str, employees: int | None) -> None:
    rules = policy(text)
    event = scored(1, grade=grade, company={"employees": employees})
    facts = facts_of(event["lead"], event["score"])
    holding = [compiled.rule.id for compiled in rules.rules if compiled.holds(facts)]
    match = match_rule(facts, rules)
    assert (match.rule.id if match.rule else None) == (holding[0] if holding else None)
    every = [compiled.rule.id for compiled in rules.rules]
    assert [step.rule for step in match.tried] == (every[: every.index(holding[0])] if holding else every)
    assert all(step.failed and not step.matched for step in match.tried)


@given(documents, members, st.lists(st.tuples(st.sampled_from("ABCD"), st.integers(0, 600)), min_size=1, max_size=12))
def test_dealing_a_batch_gives_what_choosing_lead_by_lead_gives(
    text: str, found: list[Member], leads: list[tuple[str, int]]
) -> None:
    roster, rules = Roster.of(found), policy(text)
    rotations: Rotations = {}
    dealt: Rotations = {}
    dealing = Dealing(rules, roster, dealt)
    for grade, employees in leads:
        one = assign(rules, roster, rotations, grade=grade, company={"employees": employees})
        event = scored(1, grade=grade, company={"employees": employees})
        choice, chosen = dealing.give(find_match(facts_of(event["lead"], event["score"]), rules))
        assert assignment_json(chosen, now="t", assignment_id="i") == orjson.dumps(one)
        assert (choice.owner, choice.queue) == (one.owner, one.queue)
    assert dealt == rotations == {turn.rotation: turn.member_id for turn in dealing.turns.values()}
