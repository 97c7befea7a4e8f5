"""Validation rules: documents that are refused with their place, and what a submission lacks, by rule and field."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from services.capture.domain.facts import facts_of
from services.capture.domain.people import stamp_of_record
from services.capture.domain.reading import Reading, read_value
from services.capture.domain.validation import NO_RULES, Validation, compile_validation, load_validation
from services.capture.domain.view import lead_view
from services.capture.importing.mapping import ColumnMapping
from services.capture.importing.records import RowRecords, explained
from services.capture.importing.suggesting import Choices, apply_mapping, suggested
from services.capture.importing.table import Row
from services.capture.seed import RULES_FILE
from shared.rules import RuleFileError

USED = {"kind": "validation", "name": "default", "version": 3, "content_hash": "c0ffee"}
RULES = """kind: validation
rules:
  - id: country
    name: a country
    field: address.country
    when: {field: address.country, is_empty: false}
  - id: budget
    name: a budget of 1,000 or more
    field: budget
    sources: [webinar, fair]
    when: {field: budget.amount, gte: 1000}
"""


def compiled(text: str = RULES) -> Validation:
    return compile_validation(load_validation(text, "validation.yaml").model, USED)


def lead(**fields: Any) -> dict[str, Any]:
    read = read_value(orjson.dumps({"email": "ann@example.com", **fields}), "application/json")
    assert isinstance(read, Reading)
    return lead_view(facts_of(read.clean, stamp_of_record(0, 0, 0, "x"), source_name="web"), "a-lead")


def test_a_submission_that_lacks_something_is_refused_by_the_first_rule_and_told_all() -> None:
    why = compiled().refusal(lead(budget="999 EUR"), "webinar")
    assert why is not None
    assert (why.code, why.field, why.rule, why.rules) == ("rule_not_met", "address.country", "country", USED)
    assert why.detail == (
        "the submission lacks what a validation rule asks for: a country (rule country); "
        "a budget of 1,000 or more (rule budget)"
    )


@pytest.mark.parametrize(
    ("source", "fields", "failed"),
    [
        ("web", {"address": {"country": "DE"}}, []),
        ("fair", {"address": {"country": "DE"}}, ["budget"]),
        ("fair", {"address": {"country": "DE"}, "budget": "1000.00 EUR"}, []),
        ("fairs", {}, ["country"]),
    ],
)
def test_rules_are_for_their_sources_and_amounts_are_numbers(
    source: str, fields: dict[str, Any], failed: list[str]
) -> None:
    why = compiled().refusal(lead(**fields), source)
    assert (why.detail.count("(rule ") if why else 0) == len(failed)
    assert [why.rule] == failed if why else not failed


def test_the_shipped_rules_take_everybody() -> None:
    assert compile_validation(load_validation(RULES_FILE.read_bytes(), "v.yaml").model, USED).refusal({}, "web") is None
    assert NO_RULES.refusal({}, "web") is None


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        (
            "{id: a, name: n, field: addres.country, when: {field: email, exists: true}}",
            "field: expected a known field",
        ),
        ("{id: a, name: n, field: email, when: {field: e_mail, exists: true}}", "when.field: expected a known field"),
        ("{id: a, name: n, field: email}", "when"),
        ("{id: a, field: email, when: {field: email, exists: true}}", "name"),
        ("{id: a, name: n, field: email, source: web, when: {field: email, exists: true}}", "did you mean sources?"),
    ],
)
def test_a_wrong_document_is_refused_with_its_place(wrong: str, expected: str) -> None:
    with pytest.raises(RuleFileError) as refused:
        load_validation(f"kind: validation\nrules:\n  - {wrong}\n", "validation.yaml")
    assert "validation.yaml:3:" in str(refused.value) and expected in str(refused.value)


def mapped(header: list[str]) -> ColumnMapping:
    return apply_mapping(suggested(header, Choices()), header, source="fair")


@pytest.mark.parametrize(("country", "rule"), [("Germany", "budget"), ("", "country")])
def test_rows_of_an_import_are_held_against_the_rules(country: str, rule: str) -> None:
    header = ["E-mail", "Country"]
    records = RowRecords("file", "fair", mapped(header), b"secret", "2026-03-01T12:00:00Z", None, compiled())
    record = records.record(Row(2, ["ann@example.com", country]))
    why = explained(record)
    assert why is not None and (why["row"], why["code"], why["rule"]) == (2, "rule_not_met", rule)
    assert record.value  # sent all the same: what was refused can be replayed


def test_what_cannot_be_read_keeps_its_own_code() -> None:
    records = RowRecords("file", "fair", mapped(["Name"]), b"secret", "2026-03-01T12:00:00Z", None, compiled())
    why = explained(records.record(Row(2, ["Ann"])))
    assert why is not None and (why["code"], why.get("rule")) == ("no_identifier", None)


def test_a_file_beside_the_rules_is_named() -> None:
    assert Path(RULES_FILE).with_name("validation.tests.yaml").exists()
