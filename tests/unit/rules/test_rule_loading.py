"""Rule text that must be refused, with file, line and column, and words that YAML 1.1 would silently change."""

import time
from typing import Any

import pytest

from shared.rules import RuleFileError
from shared.rules.loading import MAX_BYTES, load_yaml


def refusal(text: str | bytes) -> RuleFileError:
    with pytest.raises(RuleFileError) as caught:
        load_yaml(text, file="r.yaml")
    return caught.value


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("no", "no"),
        ("NO", "NO"),
        ("on", "on"),
        ("yes", "yes"),
        ("off", "off"),
        ("y", "y"),
        ("012", "012"),
        ("0o17", "0o17"),
        ("0x1F", "0x1F"),
        ("1e3", "1e3"),
        ("1_000", "1_000"),
        ("+5", "+5"),
        ("1:30", "1:30"),
        ("2024-01-31", "2024-01-31"),
        ("nan", "nan"),
        ("1.", "1."),
        (".5", ".5"),
        ("\u0663", "\u0663"),
        ("true", True),
        ("False", False),
        ("tRUE", "tRUE"),
        ("12", 12),
        ("-3", -3),
        ("0", 0),
        ("0.50", 0.5),
        ("null", None),
        ("~", None),
        ("", None),
        ("'12'", "12"),
        ('"true"', "true"),
        ("'null'", "null"),
        ("!!str 12", "12"),
        ("Zoë", "Zoë"),
    ],
)
def test_words_mean_what_they_look_like(word: str, value: Any) -> None:
    data = load_yaml(f"key: {word}\n", file="r.yaml").data
    assert data == {"key": value}
    assert type(data["key"]) is type(value)


def test_keys_stay_as_written() -> None:
    assert load_yaml("on: 1\nno: 2\n12: 3\ntrue: 4\n", file="r.yaml").data == {"on": 1, "no": 2, "12": 3, "true": 4}


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, 1, "a: expected each key once, found a duplicate key (first written in line 1)"),
        ("a:\n  - {x: 1, x: 1}\n", 2, 12, "a[0].x: expected each key once"),
        ("a:\n\tb: 1\n", 2, 1, "expected spaces as indentation, found a tab"),
        ("a:\n  \tb: 1\n", 2, 3, "found a tab"),
        ("a: !!python/object/apply:os.system ['true']\n", 1, 4, "a: expected a plain value, found a tag"),
        ("a: !!int '1'\n", 1, 4, "found a tag"),
        ("!x a: 1\n", 1, 1, "found a tag"),
        ("a: .nan\n", 1, 4, "a: expected a finite number"),
        ("a: -.Inf\n", 1, 4, "a: expected a finite number"),
        (f"a: {'9' * 5000}\n", 1, 4, "a: expected a number of at most 15 characters"),
        ("a: 1\n---\nb: 1\n", 2, 1, "expected one document, found a second one"),
        ("a: &x {b: 1}\nc:\n  <<: *x\n", 3, 3, "c: expected plain keys, found a merge key"),
        ("a: *x\n", 1, 4, "found an unknown anchor"),
        ("a: &x [*x]\n", 1, 8, "found an unknown anchor"),
        ("? [a, b]\n: 1\n", 1, 3, "expected a word as key"),
        ("a: [1, 2\nb: 3\n", 2, 2, "expected valid YAML"),
        ("a: 'open\n", 2, 1, "expected valid YAML"),
        ("a: \x07\n", 1, 4, "expected printable characters"),
        ("a: \ud800\n", 1, 4, "expected text in UTF-8"),
        (b"a: 1\nb: \xff\n", 2, 4, "expected text in UTF-8"),
        ("a: 1\n".encode("utf-16"), 1, 1, "expected text in UTF-8"),
        ("[" * 100 + "]" * 100, 1, 62, "expected at most 60 levels"),
        ("[" * 100_000, 1, 62, "expected at most 60 levels"),
        ("#" * (MAX_BYTES + 1), 1, 1, "expected a file of at most 1048576 bytes"),
    ],
)
def test_refusals(text: str | bytes, line: int, column: int, words: str) -> None:
    error = refusal(text)
    assert str(error).startswith(f"r.yaml:{line}:{column}"), str(error)
    assert words in str(error)


def test_billion_laughs_is_refused_quickly() -> None:
    levels = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 12))
    started = time.monotonic()
    error = refusal(f"l0: &l0 [{', '.join(['lol'] * 10)}]\n{levels}\n")
    assert time.monotonic() - started < 2
    assert "anchors that repeat at most 10000 values" in str(error)


def test_small_anchors_are_allowed() -> None:
    loaded = load_yaml("a: &x [US, CA]\nb: *x\n", file="r.yaml")
    assert loaded.data == {"a": ["US", "CA"], "b": ["US", "CA"]}
    assert loaded.position(("b", 1)) == (2, 4)


def test_several_problems_are_reported_in_order() -> None:
    problems = refusal("a: .nan\na: 2\nb: !x 3\n").problems
    assert [(problem.line, problem.path) for problem in problems] == [(1, "a"), (2, "a"), (3, "b")]


def test_byte_order_mark_and_crlf_are_harmless() -> None:
    assert load_yaml(b"\xef\xbb\xbfa: 1\r\nb: no\r\n", file="r.yaml").data == {"a": 1, "b": "no"}
    assert load_yaml("\ufeffa: 1\n", file="r.yaml").data == {"a": 1}


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n"])
def test_nothing_written_is_nothing(text: str) -> None:
    assert load_yaml(text, file="r.yaml").data is None


def test_positions_count_characters_from_one() -> None:
    loaded = load_yaml("ä: {ö: [1, é, {ü: 5}]}\n", file="r.yaml")
    assert loaded.position(("ä", "ö", 2, "ü")) == (1, 19)
    assert loaded.position(("ä", "ö", 2, "ü"), at_key=True) == (1, 16)
    assert loaded.position(("ä", "ö", 2, "missing")) == (1, 15)


def test_errors_do_not_echo_values() -> None:
    error = refusal("email: !x ada@example.org\nsecret: [tag: .nan, 'hunter2\n")
    assert "ada@" not in str(error)
    assert "hunter2" not in str(error)


def test_syntax_error_behind_the_last_counted_problem_is_still_a_refusal() -> None:
    assert len(refusal("a: 1\n" * 501 + "b: [\n").problems) == 500
