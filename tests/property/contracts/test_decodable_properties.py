"""The glance refuses exactly what the decoders refuse, of whatever is JSON."""

import json

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic_core import from_json

from shared.contracts.decodable import MOST_LEVELS, is_decodable

signs = st.sampled_from(["", "-"])
exponents = st.builds(
    lambda letter, sign, digits: f"{letter}{sign}{digits}",
    st.sampled_from(["e", "E"]),
    st.sampled_from(["", "+", "-"]),
    st.sampled_from(["0", "5", "00", "290", "308", "309", "0309", "999", "99999"]),
)
whole = st.one_of(
    st.integers(0, 10**6).map(str),
    st.builds(lambda digit, zeros: digit + "0" * zeros, st.sampled_from("179"), st.integers(290, 330)),
)
fractions = st.sampled_from(["", ".0", ".5", ".7976931348623157", "." + "9" * 400])
numbers = st.builds("".join, st.tuples(signs, whole, fractions, st.one_of(st.just(""), exponents)))
texts = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        [
            ":1e999,",
            '":1e999,"',
            "\\",
            '\\"',
            "e",
            " e ",
            ",e,",
            "1e445",
            "3e5f1e44-1e99-4e99-9e99-1e9991e99912",
            "9" * 400,
            "[" * 300,
            "{" * 201,
        ]
    ),
).map(json.dumps)
blanks = st.sampled_from(["", " ", "\n", "\t \r"])


def _joined(blank: str, open_: str, close: str, items: list[str]) -> str:
    return open_ + f"{blank},{blank}".join([f"{blank}{item}{blank}" for item in items]) + close


def _object(blank: str, pairs: list[tuple[str, str]]) -> str:
    return _joined(blank, "{", "}", [f"{name}{blank}:{blank}{value}" for name, value in pairs])


def _nested(value: str, levels: int, arrays: bool) -> str:
    return "[" * levels + value + "]" * levels if arrays else '{"a":' * levels + value + "}" * levels


values = st.recursive(
    st.one_of(numbers, texts, st.sampled_from(["true", "false", "null"])),
    lambda inner: st.one_of(
        st.builds(_joined, blanks, st.just("["), st.just("]"), st.lists(inner, max_size=3)),
        st.builds(_object, blanks, st.lists(st.tuples(texts, inner), max_size=3)),
        st.builds(_nested, inner, st.sampled_from([1, 2, 99, 196, 197, 198, 199, 200, 201, 300]), st.booleans()),
    ),
    max_leaves=6,
)
objects = st.builds(_object, blanks, st.lists(st.tuples(texts, values), max_size=4))


def _decoders_take(text: bytes) -> bool:
    try:
        from_json(text)
        orjson.loads(text)
    except ValueError:
        return False
    return True


@settings(max_examples=1500)
@given(objects)
@example('{"a":1e999}')
@example('{"a":-1E+999 }')
@example('{"a":[1.5e309,2]}')
@example('{"a":17976931348623159' + "0" * 292 + "}")
@example('{"a":' + "1" * 309 + ".5}")
@example('{"a":0e999,"b":1e-999}')
def test_what_is_json_is_refused_exactly_where_the_decoders_refuse_it(text: str) -> None:
    value = text.encode("utf-8", "surrogatepass")
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return
    if "\\ud" in text.lower():
        return  # lone surrogates: whoever passes texts on has looked at them himself
    assert is_decodable(value) == _decoders_take(value)


@pytest.mark.parametrize("opening", ["[", '{"a":'])
@pytest.mark.parametrize(("levels", "taken"), [(MOST_LEVELS, True), (MOST_LEVELS + 1, False)])
def test_so_many_levels_and_no_more(opening: str, levels: int, taken: bool) -> None:
    closing = "]" if opening == "[" else "}"
    text = opening * levels + "1" + closing * levels
    assert is_decodable(text.encode()) is taken is _decoders_take(text.encode())
