"""Raw bytes to one JSON object within the structural limits, or the reason why not. Never raises."""

import json
import re
from collections.abc import Sequence
from typing import Any, Final

import orjson

from services.capture.domain.form import decode_form, form_pairs
from services.capture.domain.refusal import Refused, refuse

JSON_TYPE: Final = "application/json"
FORM_TYPE: Final = "application/x-www-form-urlencoded"
MAX_DEPTH: Final = 32
MAX_FIELDS: Final = 200
MAX_KEY_LENGTH: Final = 128

_BOM: Final = b"\xef\xbb\xbf"
_JSON_BLANKS: Final = b" \t\r\n"
_STRING: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")


class _OverLimit(Exception):
    def __init__(self, refusal: Refused) -> None:
        super().__init__()
        self.refusal = refusal


def decode_payload(raw: bytes, content_type: str = JSON_TYPE) -> dict[str, Any] | Refused:
    """The object that a JSON or form body holds. Its charset is the endpoint's to check."""
    if content_type.partition(";")[0].strip().lower() == FORM_TYPE:
        return _decode_form_body(raw)
    return decode_json(raw)


def decode_json(raw: bytes) -> dict[str, Any] | Refused:
    """A JSON object without duplicate keys, NaN, infinities or control characters, within the limits."""
    if raw[:3] == _BOM:
        raw = raw[3:]
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return _why_undecodable(raw)
    if type(document) is not dict:
        return refuse("not_an_object")
    try:
        keys = _count_keys(document, 1)
    except _OverLimit as limit:
        return limit.refusal
    if keys != _count_key_ends(raw) and _has_duplicate_keys(raw):
        return refuse("duplicate_keys")
    if keys > MAX_FIELDS:
        return refuse("too_many_fields")
    # Control characters reach a JSON string only by an escape: \b, \f or \uXXXX.
    if b"\\" in raw and _holds_controls(document):
        return refuse("invalid_characters")
    return document


def decode_form_inputs(raw: bytes) -> list[tuple[str, Any]] | Refused:
    """The fields of a form body by the names that it gives them, within the limits."""
    pairs = form_pairs(raw, max_fields=MAX_FIELDS)
    return pairs if isinstance(pairs, Refused) else judge_inputs(pairs)


def judge_inputs(inputs: Sequence[tuple[str, Any]]) -> list[tuple[str, Any]] | Refused:
    """Named texts within the limits of a submission, or why they are not."""
    if len(inputs) > MAX_FIELDS:
        return refuse("too_many_fields")
    if any(len(name) > MAX_KEY_LENGTH for name, _ in inputs):
        return refuse("key_too_long")
    return refuse("invalid_characters") if _holds_controls(list(map(list, inputs))) else list(inputs)


def _decode_form_body(raw: bytes) -> dict[str, Any] | Refused:
    document = decode_form(raw, max_fields=MAX_FIELDS)
    if isinstance(document, Refused):
        return document
    try:
        _count_keys(document, 1)
    except _OverLimit as limit:
        return limit.refusal
    return refuse("invalid_characters") if _holds_controls(document) else document


def _count_keys(node: Any, depth: int) -> int:
    """Keys in all objects of the tree; raises for what is too deep or named too long."""
    if depth > MAX_DEPTH:
        raise _OverLimit(refuse("too_deep"))
    if type(node) is dict:
        count = len(node)
        if count and max(map(len, node)) > MAX_KEY_LENGTH:
            raise _OverLimit(refuse("key_too_long"))
        children = node.values()
    else:
        count = 0
        children = node
    for child in children:
        kind = type(child)
        if kind is dict or kind is list:
            count += _count_keys(child, depth + 1)
    return count


def _count_key_ends(raw: bytes) -> int:
    """At least the number of keys as written: each ends in a quote, blanks and a colon; text such as ": adds to it.

    So when this equals the keys that the decoder kept, none was lost as a duplicate.
    """
    return raw.translate(None, _JSON_BLANKS).count(b'":')


def _has_duplicate_keys(raw: bytes) -> bool:
    """The slow certainty, by the standard library, for bodies already known to be valid and shallow."""
    duplicates = False

    def note(pairs: list[tuple[str, Any]]) -> None:
        nonlocal duplicates
        if len({key for key, _ in pairs}) != len(pairs):
            duplicates = True

    json.loads(raw, object_pairs_hook=note, parse_int=_no_value, parse_float=_no_value)
    return duplicates


def _holds_controls(node: Any) -> bool:
    """Whether a string or key of the tree has a character that cannot be stored."""
    if type(node) is str:
        return _CONTROL.search(node) is not None
    if type(node) is dict:
        return any(_CONTROL.search(key) or _holds_controls(child) for key, child in node.items())
    if type(node) is list:
        return any(_holds_controls(child) for child in node)
    return False


def _why_undecodable(raw: bytes) -> Refused:
    """Too deep, lone surrogates in otherwise valid JSON, or not JSON."""
    if _bracket_depth(raw) > MAX_DEPTH:
        return refuse("too_deep")
    try:
        document = json.loads(raw.decode(), parse_constant=_refuse_constant, parse_float=_finite, parse_int=_no_value)
    except (ValueError, RecursionError):
        return refuse("invalid_json")
    return refuse("invalid_characters") if _holds_controls(document) else refuse("invalid_json")


def _bracket_depth(raw: bytes) -> int:
    """The deepest nesting of brackets outside strings, up to the first depth beyond the limit."""
    depth = deepest = 0
    for byte in _STRING.sub(b"", raw):
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
            if depth > MAX_DEPTH:
                break
        elif byte in b"]}":
            depth -= 1
    return deepest


def _no_value(_: str) -> None:
    return None


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError
    return value


def _refuse_constant(_: str) -> None:
    raise ValueError
