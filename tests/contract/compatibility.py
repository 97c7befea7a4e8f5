"""Schemas as flat shapes, and what would break a reader or a writer of a released version."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from shared.contracts.base import Contract

# Field path -> what it is. `lead.company.name`, `products[]`, `scores{}` (values of a map).
Shape: TypeAlias = dict[str, dict[str, Any]]

_WORDS: Final = {"title", "description", "default", "examples", "$schema", "$id", "$defs"}
_STRUCTURE: Final = {"properties", "required", "items", "anyOf", "additionalProperties", "$ref"}


def shape_of(model: type[Contract]) -> Shape:
    """A model's fields, nested ones with their path."""
    schema = model.model_json_schema(mode="validation")
    return dict(sorted(_fields(schema, schema.get("$defs", {}), "")))


def breaks(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Why `new` is not fully compatible with `old`: readers of either must understand records of the other."""
    found = [f"{path}: removed" for path in old if path not in new]
    for path, was in old.items():
        now = new.get(path, was)
        if now["is"] != was["is"]:
            found.append(f"{path}: was {was['is']}, is {now['is']}")
        elif now["required"] != was["required"]:
            found.append(f"{path}: was {_need(was)}, is {_need(now)}")
    return found + [f"{path}: new and required" for path in new if path not in old and _asked_for(path, old, new)]


def _asked_for(path: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """A required field of a part that is itself new asks nothing of older records."""
    parent = path.rpartition(".")[0]
    return bool(new[path]["required"]) and (not parent or parent in old)


def _need(field: Mapping[str, Any]) -> str:
    return "required" if field["required"] else "optional"


def _fields(schema: Mapping[str, Any], defs: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, dict[str, Any]]]:
    required = set(schema.get("required", ()))
    for name, field in schema.get("properties", {}).items():
        path = f"{prefix}{name}"
        yield path, {"is": _kind(field, defs), "required": name in required}
        yield from _inside(field, defs, path)


def _inside(field: Mapping[str, Any], defs: Mapping[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for part in _alternatives(field, defs):
        if "items" in part:
            yield f"{path}[]", {"is": _kind(part["items"], defs), "required": False}
            yield from _inside(part["items"], defs, f"{path}[]")
        yield from _fields(part, defs, f"{path}.")


def _alternatives(field: Mapping[str, Any], defs: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if "$ref" in field:
        return _alternatives(defs[field["$ref"].rpartition("/")[2]], defs)
    if "anyOf" in field:
        return [each for option in field["anyOf"] for each in _alternatives(option, defs)]
    return [field]


def _kind(field: Mapping[str, Any], defs: Mapping[str, Any]) -> str:
    return " | ".join(sorted(_leaf(part) for part in _alternatives(field, defs)))


def _leaf(part: Mapping[str, Any]) -> str:
    """The type with its limits: `string`, `string maxLength=256`, `"new" "merged"`. No type means anything."""
    if "enum" in part or "const" in part:
        return " ".join(f'"{value}"' for value in sorted(part.get("enum", [part.get("const")]), key=str))
    limits = {key: value for key, value in part.items() if key not in _WORDS | _STRUCTURE | {"type"}}
    return " ".join([str(part.get("type", "anything")), *(f"{key}={value}" for key, value in sorted(limits.items()))])
