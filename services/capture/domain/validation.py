"""Validation rules: what a submission must say to be taken. One that does not is rejected, by the rule's id and field.

kind: validation
rules:
  - id: company-of-the-webinar
    name: the company
    field: company.name
    sources: [webinar]
    when: {field: company.name, is_empty: false}
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from services.capture.domain.refusal import DETAILS, Refused
from shared.contracts.lead_fields import LEAD_FIELDS, OPEN_PREFIXES, WHOLES, facts_of
from shared.rules import (
    Condition,
    Facts,
    FieldCatalogue,
    FieldCondition,
    LoadedRules,
    Rule,
    RuleFault,
    RuleSetHeader,
    Text,
    compile_rule,
    load_rule_document,
)
from shared.rules.checking import walk
from shared.rules.conditions import FieldPath

KIND: Final = "validation"
CATALOGUE: Final = FieldCatalogue(LEAD_FIELDS, OPEN_PREFIXES)
CODE: Final = "rule_not_met"

_AMOUNTS: Final = ("budget.", "company.annual_revenue.")
_MOST_NAMED: Final = 20


class ValidationRule(Rule):
    """What must hold of a submission, read and normalised."""

    name: Text
    """What people read when it does not hold, such as `a country`."""
    field: FieldPath
    """Where to mend it: the field that the rejection names."""
    sources: Annotated[tuple[Text, ...], Field(max_length=1000)] = ()
    """Names of the sources that it is for; absent: all of them."""
    when: Condition
    """What must hold."""


class ValidationRules(RuleSetHeader):
    """The document. Without rules every submission passes."""

    kind: Literal["validation"]
    name: Text = "default"
    rules: Annotated[tuple[ValidationRule, ...], Field(max_length=1000)] = ()

    def find_faults(self) -> list[RuleFault]:
        """Fields that no lead has."""
        faults = []
        for index, rule in enumerate(self.rules):
            fault = CATALOGUE.find_given_fault(rule.field, None)
            if fault is not None and rule.field not in WHOLES:
                faults.append(RuleFault(("rules", index, "field"), fault.expected, fault.hint, fault.found_kind))
        return faults


@dataclass(frozen=True, slots=True)
class Validation:
    """The rules of one published version, compiled. `used` says which (`RulesUsed` as a dict)."""

    rules: tuple[tuple[ValidationRule, Callable[[Facts], bool]], ...]
    used: Mapping[str, Any]
    asks_amounts: bool = False

    def refusal(self, lead: Mapping[str, Any], source: str) -> Refused | None:
        """Why a submission of this source is not taken; `lead` is the lead that it makes by itself. None where every rule
        holds."""
        failed = self.failed(facts_of(lead) if self.asks_amounts else lead, source)
        return _refusal(failed, self.used) if failed else None

    def failed(self, facts: Facts, source: str) -> list[ValidationRule]:
        """The rules that do not hold, in the order of the document; amounts are numbers in `facts`."""
        return [rule for rule, holds in self.rules if (not rule.sources or source in rule.sources) and not holds(facts)]


NO_RULES: Final = Validation((), {})


def load_validation(text: str | bytes, file: str) -> LoadedRules[ValidationRules]:
    """A document, checked. Raises RuleFileError."""
    return load_rule_document(text, ValidationRules, file=file, catalogue=CATALOGUE)


def compile_validation(document: ValidationRules, used: Mapping[str, Any]) -> Validation:
    """The rules as closures. `used` names the version in what is published."""
    asked = {part.field for rule in document.rules for _, part in walk(rule) if isinstance(part, FieldCondition)}
    return Validation(
        tuple((rule, compile_rule(rule).holds) for rule in document.rules),
        used,
        asks_amounts=any(field.startswith(_AMOUNTS) for field in asked),
    )


def _refusal(failed: list[ValidationRule], used: Mapping[str, Any]) -> Refused:
    """By the first rule that does not hold; its text names all of them."""
    named = "; ".join(f"{rule.name} (rule {rule.id})" for rule in failed[:_MOST_NAMED])
    more = f" and {len(failed) - _MOST_NAMED} more" if len(failed) > _MOST_NAMED else ""
    return Refused(CODE, failed[0].field, f"{DETAILS[CODE]}: {named}{more}", failed[0].id, used)
