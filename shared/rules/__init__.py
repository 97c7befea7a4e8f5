"""Rules as data: YAML documents, validated once, compiled to closures, each condition with its own verdict.

    class Bonus(Rule):
        points: int

    class Bonuses(RuleSetHeader):
        kind: Literal["bonuses"]
        rules: tuple[Bonus, ...]

    loaded = load_rule_document(text, Bonuses, file="bonuses.yaml", catalogue=FieldCatalogue({"title": "text"}))
    rules = compile_rules(loaded.model.rules)
    points = sum(compiled.rule.points for compiled in rules if compiled.holds({"title": "VP Sales"}))

Pure: text and facts come in as values; no file, clock or network is touched. Knows nothing about leads.
"""

from shared.rules.automaton import compile_pattern
from shared.rules.compiling import (
    CompiledCondition,
    CompiledRule,
    ConditionVerdict,
    Facts,
    Verdict,
    compile_condition,
    first_match,
)
from shared.rules.conditions import ALWAYS, AllOf, Always, AnyCondition, AnyOf, Condition, FieldCondition, NotOf
from shared.rules.fields import FieldCatalogue, FieldKind
from shared.rules.indexing import Part, RuleIndex
from shared.rules.precedents import Precedents
from shared.rules.problems import RuleFault, RuleFileError, RuleProblem, RuleWarning
from shared.rules.ruleset import (
    LoadedRules,
    Rule,
    RuleSetHeader,
    canonical_json,
    compile_rule,
    compile_rules,
    content_hash,
    json_schema_for,
    load_rule_document,
)
from shared.rules.seeing import fields_asked, reader_of
from shared.rules.texts import fold_text
from shared.rules.values import ABSENT, Number, RuleModel, Scalar, Scalars, Text, expected

__all__ = [
    "ABSENT",
    "ALWAYS",
    "AllOf",
    "Always",
    "AnyCondition",
    "AnyOf",
    "CompiledCondition",
    "CompiledRule",
    "Condition",
    "ConditionVerdict",
    "Facts",
    "FieldCatalogue",
    "FieldCondition",
    "FieldKind",
    "LoadedRules",
    "NotOf",
    "Number",
    "Part",
    "Precedents",
    "Rule",
    "RuleFault",
    "RuleFileError",
    "RuleIndex",
    "RuleModel",
    "RuleProblem",
    "RuleSetHeader",
    "RuleWarning",
    "Scalar",
    "Scalars",
    "Text",
    "Verdict",
    "canonical_json",
    "compile_condition",
    "compile_pattern",
    "compile_rule",
    "compile_rules",
    "content_hash",
    "expected",
    "fields_asked",
    "first_match",
    "fold_text",
    "json_schema_for",
    "load_rule_document",
    "reader_of",
]
