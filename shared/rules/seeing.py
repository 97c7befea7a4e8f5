"""Reading of a JSON object no more than rules ask about.

see = reader_of(["title", "company.employees"])
see(b'{"title":"CEO","company":{"name":"Example","employees":5},"notes":[1,2]}')
# {"title": "CEO", "company": {"employees": 5}}
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypedDict

import msgspec
import orjson

from shared.rules.compiling import Facts
from shared.rules.conditions import AllOf, Always, AnyCondition, AnyOf, FieldCondition, NotOf


def field_conditions(condition: AnyCondition) -> Iterator[FieldCondition]:
    """Every comparison in a condition, in order."""
    match condition:
        case FieldCondition():
            yield condition
        case NotOf():
            yield from field_conditions(condition.not_)
        case AllOf():
            yield from (leaf for child in condition.all for leaf in field_conditions(child))
        case AnyOf():
            yield from (leaf for child in condition.any for leaf in field_conditions(child))
        case Always():
            pass


def fields_asked(conditions: Iterable[AnyCondition]) -> set[str]:
    """The dotted paths that these conditions compare."""
    return {leaf.field for condition in conditions for leaf in field_conditions(condition)}


def reader_of(fields: Iterable[str]) -> Callable[[bytes], Facts]:
    """Reads these dotted paths of a JSON object, as far as they are there; of what has another form everything is read.

    What is read raises orjson.JSONDecodeError where it is no JSON.
    """
    read = msgspec.json.Decoder(_some_of([field.split(".") for field in fields])).decode

    def see(document: bytes) -> Facts:
        try:
            facts: Facts = read(document)
        except msgspec.DecodeError:
            facts = orjson.loads(document)
        return facts

    return see


def _some_of(paths: Iterable[list[str]]) -> Any:
    """The type of a dict with nothing but what lies on these paths."""
    below: dict[str, list[list[str]]] = {}
    for first, *rest in paths:
        below.setdefault(first, []).append(rest)
    members = {name: Any if [] in rests else _some_of(rests) | None for name, rests in below.items()}
    return TypedDict("_SomeOf", members, total=False)  # type: ignore[operator]
