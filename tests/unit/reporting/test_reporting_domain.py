"""Reporting's pure parts: the personal split, what is kept of events, versions, tables, CSV."""

from datetime import date
from typing import Any

import pytest

from services.reporting.cli.tables import csv_text, safe_cell
from services.reporting.domain.extract import UNREADABLE, read_event
from services.reporting.domain.funnel import Count, funnel_table
from services.reporting.domain.leads import StoredEvent, detail, newest, summary, timeline
from services.reporting.domain.ledger import Balance, Findings, StageEquation, problems
from services.reporting.domain.parking import number_of, plain_headers
from services.reporting.domain.personal import join_lead, mask, split_lead
from tests.support.reporting import a_lead, a_score, lead_id


def event(event_type: str, facts: dict[str, Any], n: int = 1, **more: Any) -> StoredEvent:
    return StoredEvent("e", event_type, lead_id(n), "2026-01-05T10:00:00Z", "website", facts, more, None)


def test_the_two_parts_of_a_lead_make_the_lead() -> None:
    lead = a_lead(1)
    facts, personal = split_lead(lead)
    assert join_lead(facts, personal) == lead
    assert facts["company"] == {"industry": "software", "employees": 250}
    assert personal["first_touch"] == {"gclid": "Tx9"} and facts["first_touch"] == {"utm_source": "google"}


def test_a_field_that_nobody_knows_is_personal() -> None:
    facts, personal = split_lead({"lead_id": lead_id(1), "shoe_size": 43, "company": {"vat_id": "DE1"}})
    assert facts == {"lead_id": lead_id(1)} and personal == {"shoe_size": 43, "company": {"vat_id": "DE1"}}


def test_a_masked_part_shows_its_shape_only() -> None:
    assert mask({"email": "a@b.c", "emails": ["a@b.c"], "extra": {"n": 1}}) == {
        "email": "***", "emails": ["***"], "extra": {"n": "***"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("event_type", "data"),
    [
        ("lead.captured", {}), ("lead.captured", {"lead": None}), ("lead.scored", {"score": []}), ("lead.routed", 5),
        ("opportunity.converted", {"lead_id": "x"}), ("lead.merged", {"winner_id": lead_id(1), "loser_id": 1}),
        ("lead.merged", {"winner_id": lead_id(1), "loser_id": lead_id(2), "lead_version": 2**40, "lead": {}}),
        ("receipt.settled", {"outcome": "test", "reason": "r", "origin": {"inbound": {"partition": -1, "offset": 0}}}),
    ],
)  # fmt: skip
def test_what_is_not_what_it_says_is_unreadable(event_type: str, data: Any) -> None:
    with pytest.raises(UNREADABLE):
        read_event(event_type, data)


@pytest.mark.parametrize("state", ["target", "expired"])
def test_whom_only_a_list_names_is_not_qualified_whatever_the_grade(state: str) -> None:
    lead = {**a_lead(1), "state": state}
    data = {"lead": lead, "score": a_score("A"), "score_version": 1, "origin": {"source": "list"}}
    assert read_event("lead.scored", data).stages == ("scored",)


def test_a_command_keeps_no_free_text() -> None:
    parts = read_event("lead.convert", {"lead_id": lead_id(1), "requested_by": "Ann Lee", "reason": "She asked"})
    assert parts.facts == {"lead_id": lead_id(1)} and parts.lead_id == lead_id(1)


def test_a_key_event_keeps_no_hash() -> None:
    facts = read_event("access.granted", {"key_id": "ab", "secret_hash": "0" * 64, "role": "admin"}).facts
    assert facts == {"key_id": "ab", "role": "admin"}


@pytest.mark.parametrize(("grade", "qualified"), [("A", True), ("B", True), ("C", False), ("D", False)])
def test_marketing_qualified_is_grade_a_or_b(grade: str, qualified: bool) -> None:
    data = {"lead": a_lead(1), "score": a_score(grade), "score_version": 1, "origin": {"source": "website"}}
    assert ("marketing_qualified" in read_event("lead.scored", data).stages) is qualified


def test_the_newest_of_each_part_wins_whatever_comes_last() -> None:
    events = [
        event("lead.captured", {"lead_version": 2, "lead": {"title": "new"}, "receipt_id": "r2"}),
        event("lead.scored", {"score_version": 3, "score": {"value": 30, "grade": "C"}}),
        event("lead.captured", {"lead_version": 1, "lead": {"title": "old"}, "receipt_id": "r1"}),
        event("lead.scored", {"score_version": 2, "score": {"value": 20, "grade": "D"}}),
        event("opportunity.changed", {"opportunity_id": "o", "opportunity_version": 3, "stage": "Won"}),
        event("opportunity.converted", {"opportunity_id": "o", "stage": "Prospecting", "amount": "5.00"}),
        event("opportunity.changed", {"opportunity_id": "o", "opportunity_version": 2, "stage": "Open"}),
    ]
    shown = detail(newest(lead_id(1), events), personal=True)
    assert (shown["lead"]["title"], shown["lead_version"], shown["score"]["value"]) == ("new", 2, 30)
    assert (shown["opportunities"][0]["stage"], shown["opportunities"][0]["amount"]) == ("Won", "5.00")
    assert shown["stage"] == "converted" and shown["receipt_ids"] == ["r2", "r1"]


def test_a_merged_leads_score_is_not_the_winners() -> None:
    events = [event("lead.scored", {"score_version": 9, "score": {"value": 1, "grade": "D"}}, n=2)]
    assert detail(newest(lead_id(1), events), personal=True)["score"] is None


def test_without_the_right_personal_fields_are_masked_everywhere() -> None:
    events = [event("lead.captured", {"lead_version": 1, "lead": {"title": "VP"}}, email="a@b.c", name="Ann")]
    view = newest(lead_id(1), events)
    shown = [summary(view, personal=False), detail(view, personal=False), timeline(events, personal=False)]
    assert "a@b.c" not in str(shown) and "Ann" not in str(shown) and "***" in str(shown)


def balance(**figures: int) -> Balance:
    names = ("received", "new", "merged", "rejected", "dead_lettered", "quarantined", "test", "in_flight")
    return Balance("website", **{**dict.fromkeys(names, 0), **figures})


@pytest.mark.parametrize(
    ("findings", "caught_up", "said"),
    [
        (Findings([balance(received=2, new=1, merged=1)], [], 0, 0, {}), True, []),
        (Findings([balance(received=1, in_flight=1)], [], 0, 0, {}), True, ["website: 1 received without an outcome"]),
        (Findings([balance(received=2, new=1)], [], 0, 0, {}), True, ["website: the sums differ"]),
        (Findings([], [StageEquation("scored", 2, 1, 0, 1)], 0, 0, {}), True, ["scored: 1 leads did not arrive"]),
        (Findings([], [StageEquation("scored", 2, 1, 0, 0)], 0, 0, {}), True, ["scored: the sums differ"]),
        (Findings([], [], 1, 2, {}), True, ["1 outcomes of records that were never received",
                                           "2 records with more than one final outcome"]),
        (Findings([], [], 1, 2, {}), False, ["reporting is not caught up"]),
    ],
)  # fmt: skip
def test_the_ledger_says_what_is_wrong(findings: Findings, caught_up: bool, said: list[str]) -> None:
    assert problems(findings, caught_up=caught_up) == said


def test_the_funnel_has_a_row_for_each_day_source_or_stage() -> None:
    counts = [
        Count(date(2026, 1, 5), "ads", "received", 3), Count(date(2026, 1, 5), "website", "received", 2),
        Count(date(2026, 1, 6), "ads", "captured", 1),
    ]  # fmt: skip
    by_day, by_source, by_stage = (funnel_table(counts, by) for by in ("day", "source", "stage"))
    assert [(r["day"], r["received"], r["captured"]) for r in by_day.rows] == [
        ("2026-01-05", 5, 0),
        ("2026-01-06", 0, 1),
    ]
    assert [(r["source"], r["received"]) for r in by_source.rows] == [("ads", 3), ("website", 2)]
    assert [(r["stage"], r["count"]) for r in by_stage.rows][:3] == [("received", 5), ("captured", 1), ("scored", 0)]
    assert by_day.columns[0] == "day" and by_stage.columns == ("stage", "count")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "  ="])  # noqa: RUF001
def test_no_cell_of_a_csv_is_a_formula(start: str) -> None:
    cell = f"{start}cmd|' /C calc'!A0"
    assert safe_cell(cell) == f"'{cell}"
    assert csv_text(["source"], [{"source": cell}]).splitlines()[1].startswith("\"'")


def test_numbers_and_plain_text_of_a_csv_stay_as_they_are() -> None:
    assert (
        csv_text(["source", "n"], [{"source": "a,b", "n": -1}, {"source": None, "n": 2}]) == 'source,n\n"a,b",-1\n,2\n'
    )


def test_headers_of_the_source_are_not_kept_in_the_open() -> None:
    kept = plain_headers([("dlq-reason", b"x"), ("ce_type", b"t"), ("x-person", b"Ann"), ("ce_subject", b"a@b.c")])
    assert kept == {"dlq-reason": "x", "ce_type": "t"}


@pytest.mark.parametrize(("text", "number"), [("5", 5), ("-1", None), ("", None), ("9" * 30, None), ("²", None)])
def test_numbers_in_headers(text: str, number: int | None) -> None:
    assert number_of({"n": text}, "n", 2**63) == number
