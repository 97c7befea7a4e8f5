"""Validation errors of pydantic in the words of a rule author, without the values that were written."""

from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from shared.rules.fields import OPERATORS_OF_KIND
from shared.rules.loading import LoadedYaml
from shared.rules.problems import MAX_PROBLEMS, Path, RuleFault
from shared.rules.scalars import NUMBER_HINT

_EXPECTED: Mapping[str, str] = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "text",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "missing": "this key",
    "recursion_loop": "fewer levels",
}
_EXPECTED_WITH: Mapping[str, str] = {
    "literal_error": "{expected}",
    "enum": "{expected}",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "too_short": "at least {min_length} entries",
    "too_long": "at most {max_length} entries",
    "string_too_short": "text of at least {min_length} characters",
    "string_too_long": "text of at most {max_length} characters",
    "string_pattern_mismatch": "text of the form {pattern}",
}
_OPERATORS = OPERATORS_OF_KIND["any"]
_NUMERIC = ("int_type", "float_type", "int_from_float")


def known_keys(schema: Mapping[str, Any]) -> tuple[str, ...]:
    """Every key that the JSON Schema mentions anywhere: the candidates for "did you mean"."""
    parts = [schema, *schema.get("$defs", {}).values()]
    return tuple(dict.fromkeys(key for part in parts for key in part.get("properties", {})))


def translate_errors(error: ValidationError, loaded: LoadedYaml, keys: tuple[str, ...]) -> Iterator[RuleFault]:
    """One fault per place: members of a union that all refuse the same value are joined with "or"."""
    joined: dict[Path, RuleFault] = {}
    for details in error.errors(include_url=False, include_input=False)[:MAX_PROBLEMS]:
        if _is_about_refused_entries(details, loaded):
            continue
        fault = _fault(details, loaded, keys)
        earlier = joined.get(fault.path)
        if earlier is not None and fault.expected not in earlier.expected.split(" or "):
            wider = f"{earlier.expected} or {fault.expected}"
            fault = RuleFault(fault.path, wider, earlier.hint or fault.hint, fault.found_kind, fault.at_key)
        joined[fault.path] = fault
    yield from joined.values()


def _is_about_refused_entries(details: ErrorDetails, loaded: LoadedYaml) -> bool:
    """A list counts as too short when its entries were refused: they have been reported, the length was right."""
    value = loaded.value_at(loaded.resolve(details["loc"]))
    return details["type"] == "too_short" and isinstance(value, list) and len(value) >= details["ctx"]["min_length"]


def _fault(details: ErrorDetails, loaded: LoadedYaml, keys: tuple[str, ...]) -> RuleFault:
    kind = details["type"]
    path = loaded.resolve(details["loc"])
    if kind == "extra_forbidden" and "when" in path and "field" in (loaded.value_at(path[:-1]) or ()):
        hint = _suggest(str(path[-1]), _OPERATORS) or f"one of {', '.join(_OPERATORS)}"
        return RuleFault(path, "a known operator", hint, "an unknown one", at_key=True)
    if kind == "extra_forbidden":
        return RuleFault(path, "a known key", _suggest(str(path[-1]), keys), "an unknown one", at_key=True)
    if kind == "missing":
        return RuleFault((*path, details["loc"][-1]), "this key", None, "nothing")
    return RuleFault(path, _expectation(details), _hint(details, loaded, path), _found(details, loaded, path))


def _expectation(details: ErrorDetails) -> str:
    kind, context = details["type"], details.get("ctx", {})
    if kind in _EXPECTED_WITH:
        return _EXPECTED_WITH[kind].format(**context)
    if kind == "value_error":
        return str(context.get("error", details["msg"]))
    return _EXPECTED.get(kind, details["msg"])


def _hint(details: ErrorDetails, loaded: LoadedYaml, path: Path) -> str | None:
    if details["type"] in _NUMERIC and isinstance(loaded.value_at(path), str):
        return NUMBER_HINT
    if details["type"] == "string_type" and isinstance(loaded.value_at(path), int | float):
        return "put it in quotes"
    hint = details.get("ctx", {}).get("hint")
    return str(hint) if hint else None


def _found(details: ErrorDetails, loaded: LoadedYaml, path: Path) -> str | None:
    measure: Callable[[Any], str] | None = _MEASURES.get(details["type"])
    return measure(loaded.value_at(path)) if measure else None


_MEASURES: Mapping[str, Callable[[Any], str]] = {
    "too_short": lambda value: f"{len(value)}",
    "too_long": lambda value: f"{len(value)}",
    "string_too_short": lambda value: f"{len(value)}",
    "string_too_long": lambda value: f"{len(value)}",
    "string_pattern_mismatch": lambda _: "other text",
    "literal_error": lambda _: "something else",
    "enum": lambda _: "something else",
    "greater_than": lambda _: "a smaller one",
    "greater_than_equal": lambda _: "a smaller one",
    "less_than": lambda _: "a larger one",
    "less_than_equal": lambda _: "a larger one",
}


def _suggest(key: str, keys: tuple[str, ...]) -> str | None:
    close = get_close_matches(key, keys, n=1, cutoff=0.7)
    return f"did you mean {close[0]}?" if close else None
