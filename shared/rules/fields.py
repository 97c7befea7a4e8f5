"""The fields that rules may ask about, as their caller declares them, and which operators fit each kind.

    catalogue = FieldCatalogue({"title": "text", "company.employees": "number"}, open_prefixes=("extra.",))

Fields under an open prefix are unknown in advance and may be compared in every way.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Literal

from shared.rules.conditions import FieldCondition
from shared.rules.problems import RuleFault, kind_of

FieldKind = Literal["text", "number", "boolean", "list", "any"]

_PRESENCE = ("exists", "is_empty")
_CHOICE = ("eq", "ne", "in", "not_in")
_RANGE = ("gt", "gte", "lt", "lte", "between")
_PART = ("contains", "not_contains")
OPERATORS_OF_KIND: Mapping[FieldKind, tuple[str, ...]] = MappingProxyType(
    {
        "text": (*_CHOICE, *_PART, "starts_with", "ends_with", "matches", *_PRESENCE),
        "number": (*_CHOICE, *_RANGE, *_PRESENCE),
        "boolean": ("eq", "ne", *_PRESENCE),
        "list": (*_PART, *_PRESENCE),
        "any": (*_CHOICE, *_RANGE, *_PART, "starts_with", "ends_with", "matches", *_PRESENCE),
    }
)
_VALUE_TYPES: Mapping[str, tuple[str, type | tuple[type, ...]]] = MappingProxyType(
    {"text": ("text", str), "number": ("a number", (int, float)), "boolean": ("true or false", bool)}
)


@dataclass(frozen=True, slots=True)
class FieldCatalogue:
    """Field paths with their kinds: text, number, boolean, list or any."""

    fields: Mapping[str, FieldKind]
    open_prefixes: tuple[str, ...] = field(default=())

    def kind(self, name: str) -> FieldKind | None:
        """The kind of a field; None when there is no such field."""
        kind = self.fields.get(name)
        if kind is None and name.startswith(self.open_prefixes):
            return "any"
        return kind

    def find_fault(self, condition: FieldCondition) -> RuleFault | None:
        """What is wrong with the field, its operator or the value compared with; paths start at the condition."""
        kind = self.kind(condition.field)
        if kind is None:
            return RuleFault(
                ("field",), "a known field", self._suggestion(condition.field), found_kind="an unknown one"
            )
        operator = condition.operator
        if operator not in OPERATORS_OF_KIND[kind]:
            choices = ", ".join(OPERATORS_OF_KIND[kind])
            return RuleFault((operator,), f"an operator for {_noun(kind)}", choices, f"{operator}", at_key=True)
        return None if operator in _PRESENCE else _find_value_fault(kind, operator, condition.expected)

    def find_given_fault(self, name: str, value: Any) -> RuleFault | None:
        """What is wrong with a fact that somebody gives: no rule could ask about it, or its value is of another kind. A
        fact may be null; paths start at the value."""
        kind = self.kind(name)
        if kind is None:
            return RuleFault((), "a known field", self._suggestion(name), "an unknown one", at_key=True)
        if value is None:
            return None
        if kind == "list" and not isinstance(value, list):
            return RuleFault((), "a list", None, kind_of(value))
        fault = _find_value_fault(kind, "", value)
        return None if fault is None else RuleFault((), fault.expected, fault.hint, fault.found_kind)

    def _suggestion(self, name: str) -> str | None:
        close = get_close_matches(name, self.fields, n=1, cutoff=0.6)
        if not close:
            ending = "." + name.rsplit(".", 1)[-1]
            close = [known for known in self.fields if known.endswith(ending)][:1]
        return f"did you mean {close[0]}?" if close else None


def _find_value_fault(kind: FieldKind, operator: str, expected: Any) -> RuleFault | None:
    if kind not in _VALUE_TYPES:
        return None
    words, types = _VALUE_TYPES[kind]
    values = expected if isinstance(expected, tuple) else (expected,)
    for index, value in enumerate(values):
        if isinstance(value, types) and (kind == "boolean" or not isinstance(value, bool)):
            continue
        path = (operator, index) if isinstance(expected, tuple) else (operator,)
        return RuleFault(path, words, "put it in quotes" if kind == "text" else None, kind_of(value))
    return None


def _noun(kind: FieldKind) -> str:
    return {"text": "text", "number": "a number", "boolean": "true or false", "list": "a list"}.get(kind, "this field")
