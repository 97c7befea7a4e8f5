"""Documents built on the generic parts: refused with places and reasons, hashed by meaning, described by schema."""

import pickle
import time
from collections.abc import Iterable
from typing import Any, Literal

import jsonschema
import pytest

from shared.rules import (
    FieldCatalogue,
    LoadedRules,
    Rule,
    RuleFault,
    RuleFileError,
    RuleModel,
    RuleSetHeader,
    canonical_json,
    compile_rules,
    expected,
    first_match,
    json_schema_for,
    load_rule_document,
)
from shared.rules.loading import load_yaml


class Bonus(Rule):
    points: int


class Band(RuleModel):
    name: str
    least: float


class Bonuses(RuleSetHeader):
    first_match = ("ordered",)

    kind: Literal["bonuses"]
    rules: tuple[Bonus, ...]
    ordered: tuple[Rule, ...] = ()
    bands: tuple[Band, ...] = ()

    def find_faults(self) -> Iterable[RuleFault]:
        for index in range(1, len(self.bands)):
            if self.bands[index].least >= self.bands[index - 1].least:
                yield RuleFault(("bands", index, "least"), "less than the band before", found_kind="an overlap")


CATALOGUE = FieldCatalogue(
    {"title": "text", "company.employees": "number", "free": "boolean", "tags": "list"}, open_prefixes=("extra.",)
)
GOOD = """
kind: bonuses
version: 7
rules:
  - id: vp-at-midmarket
    points: 25
    when: {all: [{field: company.employees, gte: 200}, {not: {field: free, eq: true}}]}
  - {id: everybody, points: 1}
bands: [{name: hot, least: 80}, {name: Zoë, least: 0.5}]
"""


def load(text: str | bytes) -> LoadedRules[Bonuses]:
    return load_rule_document(text, Bonuses, file="b.yaml", catalogue=CATALOGUE)


def refusal(text: str | bytes) -> RuleFileError:
    with pytest.raises(RuleFileError) as caught:
        load(text)
    return caught.value


def with_rules(*rules: str) -> str:
    return "kind: bonuses\nrules:\n" + "".join(f"  - {rule}\n" for rule in rules)


def with_condition(condition: str) -> str:
    return with_rules(f"{{id: a, points: 1, when: {condition}}}")


def test_good_document_loads_and_compiles() -> None:
    loaded = load(GOOD)
    rules = compile_rules(loaded.model.rules)
    facts = {"company": {"employees": 250}, "free": False}
    assert sum(compiled.rule.points for compiled in rules if compiled.holds(facts)) == 26
    assert [compiled.rule.id for compiled in rules if compiled.holds({})] == ["everybody"]
    assert loaded.warnings == ()
    matched = first_match(rules, {})
    assert matched is not None
    assert matched.id == "everybody"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "b.yaml:1:1: expected a mapping with kind and rules, found nothing"),
        ("- a\n", "b.yaml:1:1: expected a mapping with kind and rules, found a list"),
        ("kind: other\nrules: []\n", "b.yaml:1:7 kind: expected 'bonuses', found something else"),
        ("kind: bonuses\n", "b.yaml:1:1 rules: expected this key, found nothing"),
        ("kind: bonuses\nrules: {}\n", "b.yaml:2:8 rules: expected a list, found a mapping"),
        ("kind: bonuses\nrulez: []\nrules: []\n", "b.yaml:2:1 rulez: expected a known key, found an unknown one (did"),
        (
            with_rules("{id: a, points: '25'}"),
            "b.yaml:3:21 rules[0].points: expected a whole number, found text (write",
        ),
        (with_rules("{id: a, points: 012}"), "b.yaml:3:21 rules[0].points: expected a whole number, found text"),
        (with_rules("{id: a, points: 1e3}"), "b.yaml:3:21 rules[0].points: expected a whole number, found text"),
        (with_rules("{id: a, points: 1.5}"), "expected a whole number, found a decimal number"),
        (with_rules("{id: a, points: true}"), "expected a whole number, found true or false"),
        (with_rules("{id: a, points: .nan}"), "b.yaml:3:21 rules[0].points: expected a finite number"),
        (with_rules("{id: 5, points: 1}"), "rules[0].id: expected text, found a whole number (put it in quotes)"),
        (with_rules("{id: Ä, points: 1}"), "rules[0].id: expected 1 to 64 small letters"),
        (
            with_rules("{id: a, points: 1}", "{id: a, points: 2}"),
            "b.yaml:4:10 rules[1].id: expected an id that is used once, found a duplicate (the same id stands",
        ),
        (with_condition("{}"), "b.yaml:3:30 rules[0].when: expected a condition: field with an operator, all, any"),
        (with_condition("{field: title}"), "rules[0].when: expected one operator beside field"),
        (with_condition("{field: title, like: x}"), "b.yaml:3:45 rules[0].when.like: expected a known operator"),
        (with_condition("{field: title, eq: 5}"), "rules[0].when.eq: expected text, found a whole number (put it in"),
        (with_condition("{field: title, eq: null}"), "when.eq: expected text, a number, true or false, found nothing"),
        (
            with_condition("{field: title, gt: 5}"),
            "b.yaml:3:45 rules[0].when.gt: expected an operator for text, found gt",
        ),
        (with_condition("{field: company.employees, gte: 012}"), "when.gte: expected a number, found text"),
        (with_condition("{field: company.employees, eq: '5'}"), "when.eq: expected a number, found text"),
        (with_condition("{field: company.employees, in: [1, x]}"), "when.in[1]: expected a number, found text"),
        (with_condition("{field: free, eq: yes}"), "when.eq: expected true or false, found text"),
        (with_condition("{field: free, eq: 1}"), "when.eq: expected true or false, found a whole number"),
        (with_condition("{field: tags, eq: x}"), "when.eq: expected an operator for a list, found eq"),
        (
            with_condition("{any: [{not: {field: company.employes, gt: 5}}]}"),
            "b.yaml:3:51 rules[0].when.any[0].not.field: expected a known field, found an unknown one "
            "(did you mean company.employees?)",
        ),
        (with_condition("{field: employees, gt: 5}"), "did you mean company.employees?"),
        (with_condition("{field: title, matches: '(a)\\1'}"), r"when.matches: expected only the escapes \d"),
        (with_condition("{all: []}"), "when.all: expected at least 1 entries, found 0"),
        (
            GOOD.replace("least: 80", "least: 0.5"),
            "b.yaml:9:53 bands[1].least: expected less than the band before, found an overlap",
        ),
    ],
)
def test_refused_documents(text: str, problem: str) -> None:
    assert problem in str(refusal(text))


def test_all_problems_of_a_stage_are_reported_at_once() -> None:
    error = refusal(with_rules("{id: a, points: x}", "{id: b, points: 1, whe: 1}", "{points: 1, when: {all: [3]}}"))
    assert [(problem.line, problem.path) for problem in error.problems] == [
        (3, "rules[0].points"),
        (4, "rules[1].whe"),
        (5, "rules[2].id"),
        (5, "rules[2].when.all[0]"),
    ]
    assert pickle.loads(pickle.dumps(error)).problems == error.problems


def test_long_lists_of_problems_are_cut_in_the_text_only() -> None:
    error = refusal(with_rules(*(f"{{id: r{n}, points: x}}" for n in range(80))))
    assert len(error.problems) == 80
    assert str(error).endswith("; and 30 more")


def test_errors_do_not_echo_values() -> None:
    error = refusal(with_condition("{field: title, gt: ada@example.org}").replace("bonuses", "hunter2"))
    assert "ada@" not in str(error)
    assert "hunter2" not in str(error)


def test_validators_of_documents_speak_through_expected() -> None:
    class Even(RuleSetHeader):
        def model_post_init(self, context: Any) -> None:
            raise expected("an even number of rules", hint="add one")

    with pytest.raises(
        RuleFileError, match=r"e.yaml:1:1: expected an even number of rules, found a mapping \(add one\)"
    ):
        load_rule_document("kind: even\n", Even, file="e.yaml")


def test_fields_under_open_prefixes_and_without_catalogue_are_accepted() -> None:
    assert load(with_condition("{field: extra.budget, gt: 5}")).warnings == ()
    text = with_condition("{field: anything.goes, gt: 5}")
    assert load_rule_document(text, Bonuses, file="b.yaml").warnings == ()


def test_hash_follows_the_meaning_not_the_layout() -> None:
    same = """
version: 7   # a comment
bands:
- {least: 80, name: hot}
- {least: 0.5, name: "Zoë"}
rules:
  - when:
      all:
        - {gte: 200, field: company.employees}
        - not: {field: free, eq: true}
    points: 25
    id: vp-at-midmarket
  - {id: everybody, points: 1, when: {always: true}}
ordered: []
kind: bonuses
"""
    assert load(GOOD).content_hash == load(same).content_hash
    assert load(GOOD).content_hash != load(GOOD.replace("gte: 200", "gte: 201")).content_hash
    assert len(load(GOOD).content_hash) == 64


def test_canonical_json_reads_back_as_the_same_document() -> None:
    model = load(GOOD).model
    again = Bonuses.model_validate_json(canonical_json(model), strict=True)
    assert canonical_json(again) == canonical_json(model)
    dumped = Bonuses.model_validate_json(model.model_dump_json(), strict=True)
    assert canonical_json(dumped) == canonical_json(model)


def test_schema_accepts_what_loads_and_refuses_what_does_not() -> None:
    schema = json_schema_for(Bonuses)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    assert validator.is_valid(load_yaml(GOOD, file="b").data)
    for condition in ("{}", "{field: title}", "{field: a, eq: 1, ne: 2}", "{field: a, eq: null}", "{all: []}"):
        assert not validator.is_valid(load_yaml(with_condition(condition), file="b").data), condition


def test_ten_thousand_rules_load() -> None:
    loaded = load(with_rules(*(f"{{id: r{n}, points: 1, when: {{field: title, eq: t{n}}}}}" for n in range(10_000))))
    rules = compile_rules(loaded.model.rules)
    assert [compiled.rule.id for compiled in rules if compiled.holds({"title": "T9999"})] == ["r9999"]


@pytest.mark.parametrize(
    "text",
    [
        "\tx\n" * 300_000,
        "".join(f"k{n}: 1\n" for n in range(90_000)),
        "a: 1\n" * 200_000,
        with_rules(*(f"{{id: r{n}, points: 1, when: {{field: titel{n}, eq: x}}}}" for n in range(15_000))),
    ],
    ids=["tabs", "unknown keys", "duplicate keys", "unknown fields"],
)
def test_large_files_full_of_faults_are_refused_in_bounded_time(text: str) -> None:
    started = time.monotonic()
    assert len(refusal(text).problems) <= 500
    assert time.monotonic() - started < 10
