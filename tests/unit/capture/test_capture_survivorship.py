"""Survivorship: by default and by a file, which is refused with its place where it is wrong."""

from datetime import timedelta
from typing import Any

import pytest

from services.capture.domain.fact_shape import LeadFacts
from services.capture.domain.facts import facts_of, merge_facts, stamp_of, state_from_json, state_to_json
from services.capture.domain.survivorship import DEFAULT, FIELDS, Survivorship
from services.capture.domain.survivorship_file import load_survivorship
from services.capture.domain.view import lead_view
from shared.rules import RuleFileError
from tests.unit.capture.samples import RECEIVED, clean

FILE = """
kind: survivorship
trusted_sources: [crm, fair]
fields:
  name: most_trusted
  title: longest
  message: first
  products: union
  address: most_trusted
  company.employees: max
  budget: max
"""
OURS = load_survivorship(FILE, file="survivorship.yaml")


def told(day: int, by: str, survivorship: Survivorship, **fields: Any) -> LeadFacts:
    stamp = stamp_of(RECEIVED + timedelta(days=day), f"record-{day}")
    read = clean({"email": "ann@example.com", **fields})
    return facts_of(read, stamp, source_name=by, survivorship=survivorship)


def lead(*states: LeadFacts) -> dict[str, Any]:
    """As it is published, merged forwards and backwards, with a stored form in between."""
    forwards, backwards = states[0], states[-1]
    for state in states[1:]:
        forwards = merge_facts(state_from_json(state_to_json(forwards), state.survivorship), state)
    for state in states[-2::-1]:
        backwards = merge_facts(backwards, state)
    assert forwards == backwards
    return lead_view(forwards, "lead")


@pytest.mark.parametrize(("field", "values", "stands"), [
    ("title", ["Chief Executive Officer", "CEO"], "Chief Executive Officer"), ("title", ["CEO", "CTO"], "CTO"),
    ("message", ["first", "second"], "first"), ("products", [["a", "b"], ["b", "c"], ["a"]], ["a", "b", "c"]),
    ("budget", ["9 USD", "50000 USD", "700 USD"], {"amount": "50000", "currency": "USD"}),
])  # fmt: skip
def test_the_policy_of_a_field_decides_it(field: str, values: list[Any], stands: Any) -> None:
    states = [told(day, "web", OURS, **{field: value}) for day, value in enumerate(values)]
    assert lead(*states)[field] == stands
    plain = [told(day, "web", DEFAULT, **{field: value}) for day, value in enumerate(values)]
    assert lead(*plain)[field] == lead(plain[-1])[field]


def test_the_most_trusted_source_stands_and_of_equals_the_most_recent() -> None:
    crm = told(0, "crm", OURS, first_name="Ann", last_name="Lee", address={"city": "Lyon", "country": "FR"})
    fair = told(1, "fair", OURS, name="Bob Moss", address={"city": "Metz"})
    found = lead(crm, fair, told(2, "web", OURS, first_name="X", address={"city": "Nowhere"}))
    assert (found["name"], found["first_name"], found["address"]["city"]) == ("Ann Lee", "Ann", "Lyon")
    later = lead(crm, told(3, "crm", OURS, last_name="Moss"), fair)
    assert later["name"] == "Ann Moss"
    country = told(4, "crm", OURS, address={"country": "FR"})
    assert lead(fair, country)["address"]["city"] == "Metz", "a country alone is no address, whoever says so"


def test_first_contact_and_identifiers_are_never_lost() -> None:
    found = lead(
        told(0, "web", OURS, source="website", campaign="spring", external_id="1"),
        told(1, "crm", OURS, source="event", campaign="autumn", external_id="2", phone="+14155550100"),
    )
    assert (found["source"], found["campaign"], len(found["external_ids"])) == ("website", "spring", 2)
    assert found["first_touch"]["campaign"] == "spring"


def test_by_default_facts_are_stored_as_they_were() -> None:
    assert "s" not in told(0, "crm", DEFAULT, title="CEO").layers[0].facts
    assert Survivorship({name: policies[0] for name, policies in FIELDS.items()}).ranks == {}


@pytest.mark.parametrize(("text", "said"), [
    ("kind: survivorship\nfields: {colour: longest}\n", "s.yaml:2:10 fields.colour: expected one of name, title"),
    ("kind: survivorship\nfields: {budget: longest}\n", "s.yaml:2:18 fields.budget: expected for budget: most_recent or"),
    ("kind: survivorship\nfields: {source: most_recent}\n", "s.yaml:2:18 fields.source: expected for source: first"),
    ("kind: survivorship\nfields: {title: newest}\n", "s.yaml:2:17 fields.title"),
    ("kind: survivorship\nfields: {title: most_trusted}\n", "expected trusted_sources beside most_trusted"),
    ("kind: survivorship\ntrusted_sources: [a, b, a]\n", "s.yaml:2:25 trusted_sources[2]: expected each source once"),
    ("kind: sources\n", "s.yaml:1:7 kind"),
])  # fmt: skip
def test_a_wrong_file_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(RuleFileError) as refused:
        load_survivorship(text, file="s.yaml")
    assert said in str(refused.value)
