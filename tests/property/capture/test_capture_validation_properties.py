"""Validation rules: a submission passes exactly where each rule of its source holds, whatever the rules and the lead."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.capture.domain.validation import compile_validation, load_validation
from shared.rules import compile_condition

SOURCES = ("web", "fair", "ads")
CONDITIONS = (
    "{field: title, exists: true}",
    "{field: company.employees, gte: 100}",
    "{field: address.country, in: [DE, FR]}",
    "{not: {field: email_free, eq: true}}",
    "{any: [{field: phone, is_empty: false}, {field: extra.code, eq: x}]}",
    "{field: budget.amount, gt: 10}",
)
rules = st.lists(
    st.tuples(st.sampled_from(CONDITIONS), st.lists(st.sampled_from(SOURCES), max_size=2, unique=True)), max_size=6
)
leads = st.fixed_dictionaries(
    {},
    optional={
        "title": st.sampled_from(["CEO", ""]),
        "company": st.fixed_dictionaries({}, optional={"employees": st.integers(0, 200)}),
        "address": st.fixed_dictionaries({}, optional={"country": st.sampled_from(["DE", "US"])}),
        "email_free": st.booleans(),
        "phone": st.sampled_from(["+1", None]),
        "extra": st.just({"code": "x"}),
        "budget": st.sampled_from(
            [None, {"amount": "5.00", "currency": "EUR"}, {"amount": "10.01", "currency": "EUR"}]
        ),
    },
)


def document(written: list[tuple[str, list[str]]]) -> str:
    lines = [
        f"  - {{id: r{n}, name: thing {n}, field: title, sources: [{', '.join(sources)}], when: {when}}}"
        for n, (when, sources) in enumerate(written)
    ]
    return "kind: validation\nrules:\n" + ("\n".join(lines) or "  []")


def numbered(lead: dict[str, Any]) -> dict[str, Any]:
    budget = lead.get("budget")
    return {**lead, "budget": {**budget, "amount": float(budget["amount"])}} if budget else lead


@given(rules, leads, st.sampled_from(SOURCES))
def test_what_passes_meets_each_rule_of_its_source_and_what_fails_is_told_by_the_first(
    written: list[tuple[str, list[str]]], lead: dict[str, Any], source: str
) -> None:
    loaded = load_validation(document(written), "validation.yaml").model
    wanted = [
        rule.id
        for rule in loaded.rules
        if (not rule.sources or source in rule.sources) and not compile_condition(rule.when).explain(numbered(lead)).met
    ]
    before = repr(lead)
    why = compile_validation(loaded, {"version": 1}).refusal(lead, source)
    assert repr(lead) == before, "the lead itself is not changed"
    assert (why.rule if why else None) == (wanted[0] if wanted else None)
    if why is not None:
        assert [f"(rule {rule})" in why.detail for rule in wanted] == [True] * len(wanted)
        assert why.detail.count("(rule ") == len(wanted)
