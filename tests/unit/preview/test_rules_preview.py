"""Drafts over a stored past: what changes is what differs, in event time, and nothing of a person comes out."""

import subprocess
import sys
from itertools import permutations
from typing import Any

import orjson

from services.preview.books import KINDS
from services.preview.deeds import MOST_KEPT
from tests.support.previews import (
    DAY_US,
    captured,
    closed,
    corrected,
    did,
    entry,
    lead_id,
    pieces,
    previewed,
    routed,
    scored,
)

SCORING = """
kind: scoring
grades: {by: total, A: 50, B: 20, C: 5}
rules:
  - {id: ceo, points: %d, when: {field: title, eq: CEO}}
  - {id: any, points: 10}
"""
ASSIGNMENT = """
kind: assignment
queues: {sales: {}, rest: {}}
default: {queue: rest}
rules:
  - {id: good, when: {field: score.grade, in: [%s]}, assign: {round_robin: sales}}
"""
GATE = "{kind: gate, min_score: %d, criteria: []}"
LIVE = {"scoring": SCORING % 20, "assignment": ASSIGNMENT % "A, B", "gate": GATE % 60}


def test_a_weight_moves_grades_and_says_whose() -> None:
    past = [captured(1, title="CEO"), captured(2, title="Clerk")]
    found = previewed([SCORING % 45], past, live=LIVE)
    assert found["leads"] == 2
    assert found["changed"] == {"score": 1, "grade": 1, "owner": 0, "queue": 0, "gate": 0}
    assert found["moves"]["grade"] == [{"from": "B", "to": "A", "count": 1}]
    assert found["examples"]["grade"] == [{"lead_id": lead_id(1), "from": "B", "to": "A"}]
    assert found["rules"]["scoring"]["live"]["version"] == 3 and found["rules"]["gate"]["draft"] is None
    assert found["notes"] == []


def test_the_same_document_changes_nothing() -> None:
    past = [captured(n, at=n, title="CEO" if n % 2 else "Clerk") for n in range(20)]
    found = previewed(list(LIVE.values()), past, live=LIVE)
    assert set(found["changed"].values()) == {0}
    assert all(moves == [] for moves in found["moves"].values())


def test_turns_are_taken_in_event_time_by_members_who_are_there() -> None:
    past = [captured(n, at=100 - n, title="CEO") for n in range(4)]  # the last one came first
    found = previewed([ASSIGNMENT % "D"], past, live=LIVE, examples=4)
    assert found["examples"]["owner"] == [
        {"lead_id": lead_id(3), "from": "ann", "to": "-"},
        {"lead_id": lead_id(2), "from": "ben", "to": "-"},
        {"lead_id": lead_id(1), "from": "ann", "to": "-"},
        {"lead_id": lead_id(0), "from": "ben", "to": "-"},
    ]
    assert found["members"] == [
        {"member": "ann", "recorded": 0, "live": 2, "draft": 0},
        {"member": "ben", "recorded": 0, "live": 2, "draft": 0},
    ]
    assert found["queues"] == [{"queue": "rest", "recorded": 0, "live": 0, "draft": 4}]


def test_a_new_score_changes_who_gets_the_lead_and_what_is_handed_off() -> None:
    found = previewed([SCORING % 55], [captured(1, title="CEO")], live={**LIVE, "assignment": ASSIGNMENT % "A"})
    assert found["moves"]["owner"] == [{"from": "-", "to": "ann", "count": 1}]
    assert found["moves"]["queue"] == [{"from": "rest", "to": "-", "count": 1}]
    assert found["moves"]["gate"] == [{"from": "closed", "to": "open", "count": 1}]
    assert found["converted"] == {"recorded": 0, "live": 0, "draft": 1}


def test_a_requirement_of_a_draft_sends_who_lacks_it_to_its_queue() -> None:
    draft = (ASSIGNMENT % "A, B").replace("rest: {}}", "rest: {}, incomplete: {}}") + (
        "requirements:\n  - {id: t, name: a title, field: title, queue: incomplete, when: {field: title, exists: true}}\n"
    )
    past = [captured(1, title="CEO"), captured(2)]
    found = previewed([draft], past, live=LIVE)
    assert found["moves"]["queue"] == [{"from": "rest", "to": "incomplete", "count": 1}]
    assert found["changed"]["owner"] == 0 and found["examples"]["queue"][0]["lead_id"] == lead_id(2)


def test_a_gate_alone_can_be_a_draft() -> None:
    found = previewed([GATE % 30], [captured(1, title="CEO"), captured(2)], live=LIVE)
    assert found["converted"] == {"recorded": 0, "live": 0, "draft": 1}
    assert found["changed"]["gate"] == 1 and found["changed"]["owner"] == 0


def test_a_lead_is_given_by_its_first_state_and_graded_by_its_newest() -> None:
    past = [captured(1, at=5, version=2, title="CEO"), captured(1, at=1, version=1)]
    found = previewed([SCORING % 45], past, live=LIVE)
    assert found["moves"]["grade"] == [{"from": "B", "to": "A", "count": 1}]
    assert found["moves"]["owner"] == [], "it went to the queue before anything was known of the title"
    assert found["queues"] == [{"queue": "rest", "recorded": 0, "live": 1, "draft": 1}]


def test_wins_and_losses_stand_by_the_grade_of_each_version() -> None:
    past = [
        captured(1, title="CEO"),
        closed(1, "Closed Won"),
        captured(2),
        closed(2, "Closed Lost", 3),
        closed(2, "Prospecting"),
    ]
    found = previewed([SCORING % 45], past, live=LIVE)
    by_grade = {row["grade"]: row for row in found["grades"]}
    assert (by_grade["A"]["won_draft"], by_grade["B"]["won_live"], by_grade["C"]["lost_draft"]) == (1, 1, 1)
    assert by_grade["A"]["won_live"] == by_grade["B"]["won_draft"] == 0


def test_what_the_live_system_recorded_stands_beside() -> None:
    past = [captured(1), scored(1, "B", 1), scored(1, "D", 2), routed(1, "zoe"), routed(1, None, "rest", 2)]
    found = previewed([SCORING % 45], past, live=LIVE)
    assert {row["grade"]: row["recorded"] for row in found["grades"]} == {"A": 0, "B": 0, "C": 0, "D": 1}
    assert found["queues"] == [{"queue": "rest", "recorded": 1, "live": 1, "draft": 1}]


def test_targets_are_held_until_they_respond() -> None:
    past = [captured(1, at=1, state="target", title="CEO"), captured(2, at=2, title="CEO"),
            captured(1, at=3, version=2, title="CEO")]  # fmt: skip
    found = previewed([ASSIGNMENT % "D"], past, live=LIVE, examples=2)
    assert [each["from"] for each in found["examples"]["owner"]] == ["ann", "ben"]
    assert [each["lead_id"] for each in found["examples"]["owner"]] == [lead_id(2), lead_id(1)]
    held = previewed([GATE % 1], [captured(1, state="target", title="CEO")], live=LIVE)
    assert held["converted"]["draft"] == 0 and held["queues"][0]["queue"] == "targets"


def test_a_merge_says_what_the_lead_is_now() -> None:
    data = {"winner_id": lead_id(1), "loser_id": lead_id(2), "lead": {"title": "CEO"}, "lead_version": 2}
    found = previewed([SCORING % 45], [captured(1), entry(1, "lead.merged", data, 9)], live=LIVE)
    assert found["moves"]["grade"] == [{"from": "B", "to": "A", "count": 1}]


def test_erased_leads_and_events_that_cannot_be_read_are_counted_and_left_out() -> None:
    past = [captured(1, raw=False), captured(2), entry(2, "lead.scored", {"score": "B"}, 4)]
    found = previewed([SCORING % 45], past, live=LIVE)
    assert found["leads"] == 1
    assert found["left_out"] == {"without_state": 1, "unreadable_events": 1}


def test_the_order_of_bundles_does_not_matter() -> None:
    bundles = [[captured(1, at=1), captured(2, at=9, title="CEO")], [captured(1, at=7, version=2, title="CEO")],
               [captured(3, at=DAY_US, title="CEO"), closed(3, "Closed Won")]]  # fmt: skip
    reports = [previewed([SCORING % 45], [], live=LIVE, bundles=order) for order in permutations(bundles)]
    assert all(report == reports[0] for report in reports)


def test_all_problems_of_all_drafts_are_told_at_once() -> None:
    found = previewed(["kind: scoring\nrules: 5\n", SCORING % 45, SCORING % 40, "kind: colours\n"], [])
    told = sorted(problem["message"] for problem in found["problems"])
    assert [message.split(":")[0] for message in told] == ["draft0.yaml", "draft2.yaml", "draft3.yaml"]
    assert "one document of scoring rules" in told[1]


def test_what_is_not_given_is_what_is_shipped_and_that_is_said() -> None:
    found = previewed([SCORING % 45], [captured(1)], members=None)
    assert len(found["notes"]) == len(KINDS) + 1
    broken = previewed([SCORING % 45], [captured(1)], live={**LIVE, "gate": "kind: gate\nmin_score: x\n"})
    assert len(broken["notes"]) == 1


def test_the_process_reads_a_past_and_tells_nothing_of_a_person() -> None:
    job: dict[str, Any] = {"drafts": [{"name": "d", "text": SCORING % 45}], "live": {}, "members": None, "examples": 5}
    past = pieces(job, [[captured(1, title="CEO", email="ann@example.com")]])
    done = subprocess.run(
        [sys.executable, "-m", "services.preview"], input=past, capture_output=True, check=True, timeout=120
    )
    assert orjson.loads(done.stdout)["leads"] == 1
    assert b"ann@" not in done.stdout and b"CEO" not in done.stdout


def test_a_past_that_was_cut_off_gives_no_report() -> None:
    job: dict[str, Any] = {"drafts": [{"name": "d", "text": SCORING % 45}], "live": {}, "members": None}
    past = pieces(job, [[captured(1)]])[:-3]
    done = subprocess.run(
        [sys.executable, "-m", "services.preview"], input=past, capture_output=True, check=False, timeout=120
    )
    assert done.returncode == 1 and orjson.loads(done.stdout) == {"failed": "EOFError"}


PAGES = SCORING % 20 + "behaviour: [{id: pages, event: page.viewed, points: %d, window_days: 30, once_per: day}]\n"
DAY_MS = DAY_US // 1000


def test_a_weight_of_what_leads_do_moves_grades() -> None:
    past = [captured(1), captured(2), did(1, at=DAY_US)]
    found = previewed([PAGES % 40], past, live={**LIVE, "scoring": PAGES % 5}, as_of_ms=2 * DAY_MS)
    assert found["moves"]["grade"] == [{"from": "C", "to": "A", "count": 1}]
    assert found["examples"]["grade"] == [{"lead_id": lead_id(1), "from": "C", "to": "A"}]
    faded = previewed([PAGES % 40], past, live={**LIVE, "scoring": PAGES % 5}, as_of_ms=40 * DAY_MS)
    assert faded["changed"]["grade"] == 0, "the window has closed"


def test_machines_and_what_was_taken_back_count_nothing() -> None:
    seen, taken_back = did(1, at=1000), did(2, at=1000)
    past = [captured(n, at=5000) for n in (1, 2, 3)] + [seen, taken_back, did(3, at=1000, human=False)]
    past += [corrected(1, seen, at=9000, human=False), corrected(2, taken_back, at=9000, change="retracted")]
    found = previewed([PAGES % 40], past, live=LIVE, as_of_ms=DAY_MS)
    assert found["changed"]["grade"] == 0


def test_what_a_lead_did_before_it_came_says_who_gets_it_and_what_it_did_later_does_not() -> None:
    past = [did(1, at=1000), captured(1, at=5000), captured(2, at=5000), did(2, at=9000)]
    found = previewed([PAGES % 40], past, live={**LIVE, "assignment": ASSIGNMENT % "A"}, as_of_ms=DAY_MS)
    assert found["examples"]["owner"] == [{"lead_id": lead_id(1), "from": "-", "to": "ann"}]
    assert found["changed"]["grade"] == 2


def test_what_a_merged_lead_did_counts_for_its_survivor() -> None:
    data = {"winner_id": lead_id(1), "loser_id": lead_id(2), "lead": {"title": "Clerk"}, "lead_version": 2}
    past = [captured(1, at=5000), did(2, at=1000), entry(1, "lead.merged", data, 9000)]
    wanted, merged = [lead_id(1)], {lead_id(2): lead_id(1)}
    found = previewed([PAGES % 40], past, live=LIVE, as_of_ms=DAY_MS, wanted=wanted, merged=merged)
    assert found["moves"]["grade"] == [{"from": "C", "to": "A", "count": 1}]
    assert found["changed"]["owner"] == 0, "it was given away before the merge"


def test_a_gate_that_was_open_once_stays_counted_when_points_have_faded() -> None:
    gate = {**LIVE, "gate": GATE % 40}
    found = previewed([PAGES % 40], [captured(1), did(1, at=DAY_US)], live=gate, as_of_ms=90 * DAY_MS)
    assert found["converted"] == {"recorded": 0, "live": 0, "draft": 1}
    assert found["changed"]["grade"] == 0


def test_wins_stand_by_the_grade_of_the_day_on_which_they_were_won() -> None:
    past = [captured(1), did(1, at=1), closed(1, "Closed Won")]
    found = previewed([PAGES % 40], past, live=LIVE, as_of_ms=90 * DAY_MS)
    by_grade = {row["grade"]: row for row in found["grades"]}
    assert (by_grade["A"]["won_draft"], by_grade["C"]["won_live"], by_grade["C"]["draft"]) == (1, 1, 1)


def test_of_very_much_behaviour_the_newest_is_kept() -> None:
    past = [captured(1), *(did(1, at=n * 1000, nth=n) for n in range(MOST_KEPT + 10))]
    days = [did(1, at=DAY_US * n, nth=10**6 + n) for n in range(3)]
    draft = (PAGES % 10).replace("once_per: day", "once_per: day, cap: 100")
    found = previewed([draft], [*past, *days], live=LIVE, as_of_ms=3 * DAY_MS)
    assert found["moves"]["grade"] == [{"from": "C", "to": "B", "count": 1}]
