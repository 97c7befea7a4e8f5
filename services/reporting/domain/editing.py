"""Changing single fields of a JSON record by `path=text` and `path:=json`, as people type them."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

import orjson

_ASSIGNMENT: Final = re.compile(r"([^=:]+?)(:?=)(.*)", re.DOTALL)


class NotEditable(ValueError):
    """Why a change cannot be made. The message names the path, never a value."""


def edited(value: bytes, assignments: Sequence[str]) -> bytes:
    """The record with these fields set, in order. `company.name=Acme` sets a text, `emails:=["a@b.com"]` any JSON,
    `note:=null` null; a number in a path is a place in a list. Missing objects on the way are made."""
    try:
        document = orjson.loads(value)
    except orjson.JSONDecodeError:
        raise NotEditable("the record is not JSON; give the whole of it with --body") from None
    for assignment in assignments:
        path, new = _parsed(assignment)
        _set(document, path, new)
    return orjson.dumps(document)


def _parsed(assignment: str) -> tuple[list[str], Any]:
    found = _ASSIGNMENT.fullmatch(assignment)
    if found is None:
        raise NotEditable("a change is written field=text or field:=json")
    path, kind, text = found[1].strip().split("."), found[2], found[3]
    if kind == "=":
        return path, text
    try:
        return path, orjson.loads(text)
    except orjson.JSONDecodeError:
        raise NotEditable(f"{found[1]}: what comes after := is not JSON") from None


def _set(document: Any, path: Sequence[str], new: Any) -> None:
    place = document
    for step, following in pairwise(path):
        place = _below(place, step, path, [] if following.isdecimal() else {})
    if isinstance(place, dict):
        place[path[-1]] = new
    else:
        place[_index(place, path[-1], path)] = new


def _below(place: Any, step: str, path: Sequence[str], missing: Any) -> Any:
    if isinstance(place, dict):
        if place.get(step) is None:
            place[step] = missing
        return place[step]
    index = _index(place, step, path)
    if place[index] is None:
        place[index] = missing
    return place[index]


def _index(place: Any, step: str, path: Sequence[str]) -> int:
    """A place in a list; the one after its end is made."""
    if not isinstance(place, list) or not step.isdecimal() or int(step) > len(place):
        raise NotEditable(f"{'.'.join(path)}: there is no such place")
    if int(step) == len(place):
        place.append(None)
    return int(step)
