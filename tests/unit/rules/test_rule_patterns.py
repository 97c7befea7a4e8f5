"""The regular expressions of rules: answers, refusals, and linear time where backtracking would take years."""

import time

import pytest

from shared.rules import compile_pattern
from shared.rules.patterns import PatternError


@pytest.mark.parametrize(
    ("pattern", "text", "answer"),
    [
        ("vp", "SVP", True),
        (r"\bvp\b", "SVP", False),
        (r"\bvp\b", "a VP, b", True),
        (r"\bvp\b", "vp", True),
        (r"\Bvp", "svp", True),
        ("^vp$", "vp", True),
        ("^vp$", "vp\n", False),
        ("^vp", "a vp", False),
        ("a.c", "a\nc", False),
        ("a|b|", "", True),
        ("^(chief|head) .* officer$", "Chief Happiness Officer", True),
        ("^[^a-c]+$", "def", True),
        ("^[^a-c]+$", "dEf", True),
        ("^[^a-c]+$", "daf", False),
        (r"^[\w.+-]+@(gmail|yahoo)\.com$", "a.b+c@Gmail.com", True),
        ("^[]x]+$", "]x", True),
        (r"^a{2,3}$", "aa", True),
        (r"^a{2,3}$", "aaaa", False),
        (r"^a{2}$", "aaa", False),
        (r"^a{,2}$", "", True),
        (r"^a{2,}?$", "aaaaa", True),
        (r"^(?:ab)*$", "abab", True),
        (r"^(a*)*$", "aaa", True),
        (r"^(a|b*)+c", "abbac", True),
        (r"\$5\.00", "costs $5.00", True),
        ("caf\u00e9", "CAFE\u0301", True),
        ("vp", "\uff36\uff30", True),
        (r"^\d+$", "\u0663", True),
    ],
)
def test_search(pattern: str, text: str, answer: bool) -> None:
    assert compile_pattern(pattern)(text) is answer


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "x" * 201,
        "(",
        ")",
        "(a",
        "a)",
        "[a",
        "[z-a]",
        "[[:alpha:]]",
        "[a&&b]",
        "*a",
        "+",
        "^*",
        r"\b+",
        "a**",
        "a++",
        "a{2}{3}",
        "a{x}",
        "a{}",
        "a{,}",
        "a{3,2}",
        "a{1000}",
        "((a{50}){50}){50}",
        "((((((a{0}){100}){100}){100}){100}){100}){100}",
        "\\",
        r"(a)\1",
        r"(?P<n>a)(?P=n)",
        "(?=a)",
        "(?<!a)b",
        "(?i)a",
        "(?>a)",
        r"\A",
        r"\x41",
        r"\p{L}",
        r"[\b]",
    ],
)
def test_refused_patterns(pattern: str) -> None:
    started = time.monotonic()
    with pytest.raises(PatternError) as caught:
        compile_pattern(pattern)
    assert time.monotonic() - started < 1
    assert str(caught.value)


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+$", "(a|a)*$", "(a|aa)+$", "^(.*)*x$", ".*.*.*.*.*=.*", "(a*)*b", "(a|b)*a(a|b){14}$", "([a-z]+)*[0-9]"],
)
def test_hostile_patterns_answer_in_linear_time(pattern: str) -> None:
    search = compile_pattern(pattern)
    started = time.monotonic()
    assert not search("a" * 10_000 + "!")
    search("ab" * 480 + "!")
    assert time.monotonic() - started < 2


def test_only_the_first_thousand_characters_are_searched() -> None:
    assert compile_pattern("x")("a" * 999 + "x")
    assert compile_pattern(r"x\b")("a" * 999 + "x b")
    assert not compile_pattern("x")("a" * 1001 + "x")
    assert not compile_pattern("a$")("a" * 1001)
    assert compile_pattern("a$")("a" * 1000)


def test_answers_stay_right_when_the_cache_is_dropped() -> None:
    search = compile_pattern("^.b$")
    for code in range(0x4E00, 0x4E00 + 20_500):
        assert search(chr(code) + "b")
    assert not search("bb!")
    assert search("bb")
