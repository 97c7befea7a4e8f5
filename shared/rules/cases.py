"""Rule tests as data: leads, and what rules are expected to make of them.

    kind: scoring-tests
    cases:
      - name: A CEO
        lead: {title: CEO, company.employees: 420}      # as the rules name fields; nested mappings mean the same
        expect: {score: 50, grade: B}

The document of a kind of rules extends `RuleCases`, what it expects extends `Expectation`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self, TypeAlias

from pydantic import Field, model_validator

from shared.rules.comparing import say_value
from shared.rules.fields import FieldCatalogue
from shared.rules.problems import Path, RuleFault
from shared.rules.ruleset import RuleSetHeader
from shared.rules.values import RuleModel, Text, expected

Given: TypeAlias = Annotated[dict[str, Any], Field(max_length=1000)]
MAX_CASES = 10_000


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Where the rules do something else than a case expects. `path` is that of the expectation in the document."""

    case: str
    path: Path
    expected: str
    found: str
    why: str = ""


class Expectation(RuleModel):
    """What is expected; what is not written may be anything."""

    @model_validator(mode="after")
    def _expects_something(self) -> Self:
        if not self.model_fields_set:
            raise expected(f"at least one of {', '.join(type(self).model_fields)}")
        return self

    def stated(self) -> dict[str, Any]:
        """What was written, as plain data."""
        return self.model_dump(mode="json", exclude_unset=True)


class RuleCase(RuleModel):
    """One lead. `beside` names further facts that a case may give, such as its score."""

    beside: ClassVar[tuple[str, ...]] = ()

    name: Text
    lead: Given = {}


class RuleCases(RuleSetHeader):
    """Base of a document of cases. `catalogue` knows the facts that may be given."""

    catalogue: ClassVar[FieldCatalogue]

    cases: tuple[RuleCase, ...]

    def find_faults(self) -> Iterable[RuleFault]:
        """Names that are used twice, facts that no rule could ask about, values of another kind than the fact's."""
        names: set[str] = set()
        for index, case in enumerate(self.cases):
            if case.name in names:
                yield RuleFault(("cases", index, "name"), "a name that is used once", None, "a duplicate")
            names.add(case.name)
            yield from self._faults_of(case.lead, ("cases", index, "lead"), ())
            for name in case.beside:
                yield from self._faults_of(getattr(case, name), ("cases", index, name), (name,))

    def _faults_of(self, given: Given, path: Path, prefix: tuple[str, ...]) -> Iterator[RuleFault]:
        for name, value, below in _leaves(given, prefix):
            fault = self.catalogue.find_given_fault(name, value)
            if fault is not None:
                place = (*path, *below, *fault.path)
                yield RuleFault(place, fault.expected, fault.hint, fault.found_kind, fault.at_key)


def facts_given(given: Given) -> dict[str, Any]:
    """The facts as rules see them: dotted names are nested."""
    facts: dict[str, Any] = {}
    for name, value, _ in _leaves(given, ()):
        *parents, last = name.split(".")
        part = facts
        for parent in parents:
            part = part.setdefault(parent, {})
        part[last] = value
    return facts


def compare_outcome(
    case: RuleCase, index: int, stated: Mapping[str, Any], found: Mapping[str, Any], why: str = ""
) -> Iterator[Mismatch]:
    """What is stated and not so. Mappings are compared key by key, and have to be there as a whole."""
    path: Path = ("cases", index, "expect")
    for name, wanted in stated.items():
        actual = found[name]
        if not isinstance(wanted, Mapping):
            if wanted != actual:
                yield Mismatch(case.name, (*path, name), say_value(wanted), say_value(actual), why)
            continue
        for key in dict.fromkeys((*wanted, *actual)):
            if wanted.get(key) != actual.get(key):
                said = (_said(wanted, key), _said(actual, key))
                yield Mismatch(case.name, (*path, name, key), *said)


def _said(values: Mapping[str, Any], key: str) -> str:
    return say_value(values[key]) if key in values else "nothing"


def _leaves(
    part: Mapping[str, Any], names: Sequence[str], below: Path = ()
) -> Iterator[tuple[str, Any, tuple[str | int, ...]]]:
    """Dotted name, value, and path as it is written."""
    for key, value in part.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*names, key), (*below, key))
        else:
            yield ".".join((*names, key)), value, (*below, key)
