"""What single values do not show: unknown fields, double ids, rules that never match or are never reached."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from shared.rules.conditions import ALWAYS, AllOf, Always, AnyOf, FieldCondition, NotOf
from shared.rules.contradictions import find_contradiction
from shared.rules.fields import FieldCatalogue
from shared.rules.problems import Path, RuleFault

_CONDITIONS = (AllOf, AnyOf, NotOf, Always, FieldCondition)


def find_faults(document: BaseModel, catalogue: FieldCatalogue | None) -> Iterator[RuleFault]:
    """Errors: the same id twice in a list; fields and operators that the catalogue does not know (None: any field)."""
    for path, part in walk(document):
        if isinstance(part, tuple):
            yield from _double_ids(part, path)
        elif catalogue is not None and isinstance(part, FieldCondition):
            fault = catalogue.find_fault(part)
            if fault is not None:
                yield RuleFault((*path, *fault.path), fault.expected, fault.hint, fault.found_kind, fault.at_key)


def find_field_faults(data: Any, catalogue: FieldCatalogue | None) -> Iterator[RuleFault]:
    """The same about fields and operators, of the conditions in plain data that is no valid document as a whole."""
    if catalogue is not None:
        yield from _field_faults(data, catalogue, (), within=False)


def _field_faults(part: Any, catalogue: FieldCatalogue, path: Path, *, within: bool) -> Iterator[RuleFault]:
    """`within` a condition, which is what stands below `when`."""
    if isinstance(part, list):
        for index, child in enumerate(part):
            yield from _field_faults(child, catalogue, (*path, index), within=within)
    if not isinstance(part, dict):
        return
    if within and isinstance(part.get("field"), str):
        fault = _fault_of_written(part, catalogue)
        if fault is not None:
            yield RuleFault((*path, *fault.path), fault.expected, fault.hint, fault.found_kind, fault.at_key)
    for key, child in part.items():
        yield from _field_faults(child, catalogue, (*path, key), within=within or key == "when")


def _fault_of_written(written: dict[str, Any], catalogue: FieldCatalogue) -> RuleFault | None:
    try:
        condition = FieldCondition.model_validate_json(json.dumps(written), strict=True)
    except ValidationError:  # told by itself; its field may be wrong as well
        name = written["field"]
        fault = catalogue.find_given_fault(name, None)
        return None if fault is None else RuleFault(("field",), fault.expected, fault.hint, fault.found_kind)
    return catalogue.find_fault(condition)


def find_warnings(document: BaseModel, first_match: Sequence[str] = ()) -> Iterator[tuple[Path, str]]:
    """Warnings: conditions that cannot all hold; in the lists named `first_match`, entries that are never reached."""
    for path, part in walk(document, into_conditions=False):
        field = find_contradiction(part) if isinstance(part, _CONDITIONS) else None
        if field is not None:
            yield path, f"can never match: no value of {field} meets all its conditions"
    for name in first_match:
        yield from _unreachable(getattr(document, name), (name,))


def walk(part: Any, path: Path = (), *, into_conditions: bool = True) -> Iterator[tuple[Path, Any]]:
    """Every model, list and value below `part` with its path as written in the file (aliases, not attribute names)."""
    yield path, part
    if into_conditions or not isinstance(part, _CONDITIONS):
        for step, child in _children(part):
            yield from walk(child, (*path, step), into_conditions=into_conditions)


def _children(part: Any) -> Iterable[tuple[str | int, Any]]:
    if isinstance(part, BaseModel):
        fields = type(part).model_fields
        return [
            (info.alias or name, getattr(part, name)) for name, info in fields.items() if name in part.model_fields_set
        ]
    if isinstance(part, tuple | list):
        return enumerate(part)
    return [(str(key), item) for key, item in part.items()] if isinstance(part, Mapping) else ()


def _double_ids(entries: tuple[Any, ...], path: Path) -> Iterator[RuleFault]:
    seen: dict[Any, int] = {}
    for index, entry in enumerate(entries):
        name = getattr(entry, "id", None)
        if not isinstance(entry, BaseModel) or not isinstance(name, str):
            continue
        if name in seen:
            hint = f"the same id stands in entry {seen[name] + 1} of the list"
            yield RuleFault((*path, index, "id"), "an id that is used once", hint, "a duplicate")
        seen.setdefault(name, index)


def _unreachable(rules: Sequence[Any], path: Path) -> Iterator[tuple[Path, str]]:
    earlier: dict[str, int] = {}
    unconditional: int | None = None
    for index, rule in enumerate(rules):
        condition = getattr(rule, "when", ALWAYS)
        key = condition.model_dump_json(by_alias=True, exclude_unset=True)
        if unconditional is not None:
            yield (*path, index), f"is never reached: entry {unconditional + 1} always matches"
        elif key in earlier:
            yield (*path, index), f"is never reached: entry {earlier[key] + 1} has the same condition"
        elif isinstance(condition, Always):
            unconditional = index
        earlier.setdefault(key, index)
