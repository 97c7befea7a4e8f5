"""The dialect of regular expressions that rules may use, parsed into a small tree.

Allowed: literals, `.`, `[...]`, `\\d \\w \\s` and their opposites, groups, `|`, `* + ? {m,n}`, `^ $ \\b \\B`. The rest
(backreferences, look-around, named groups, flags) is refused: only for this can `shared.rules.automaton` promise linear
time.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from unicodedata import normalize

MAX_PATTERN_LENGTH = 200
MAX_COUNT = 100

_CLASS_ESCAPES = "dDsSwWntr"
_COUNT = re.compile(r"\{([0-9]{0,4})(,?)([0-9]{0,4})\}", re.ASCII)


class PatternError(ValueError):
    """The pattern is outside the dialect; the text says why, without quoting it."""


@dataclass(frozen=True, slots=True)
class Single:
    """Consumes one character that passes the test."""

    test: Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Assertion:
    """Consumes nothing: one of `^`, `$`, `b`, `B`."""

    kind: str


@dataclass(frozen=True, slots=True)
class Sequence:
    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Alternatives:
    options: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Repeat:
    body: "Node"
    least: int
    most: int | None


Node = Single | Assertion | Sequence | Alternatives | Repeat


def parse_pattern(pattern: str) -> Node:
    """The tree of a pattern (after NFKC). Raises PatternError."""
    pattern = normalize("NFKC", pattern)
    if not 0 < len(pattern) <= MAX_PATTERN_LENGTH:
        raise PatternError(f"a pattern of 1 to {MAX_PATTERN_LENGTH} characters")
    parser = _Parser(pattern)
    tree = parser.alternatives()
    if parser.rest:
        raise PatternError("brackets that are opened before they are closed")
    return tree


class _Parser:
    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._index = 0

    @property
    def rest(self) -> str:
        return self._pattern[self._index :]

    def alternatives(self) -> Node:
        options = [self._sequence()]
        while self._take("|"):
            options.append(self._sequence())
        return options[0] if len(options) == 1 else Alternatives(tuple(options))

    def _sequence(self) -> Node:
        parts: list[Node] = []
        while self.rest and self.rest[0] not in "|)":
            parts.append(self._quantified(self._atom()))
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def _take(self, token: str) -> bool:
        if not self._pattern.startswith(token, self._index):
            return False
        self._index += len(token)
        return True

    def _next(self) -> str:
        if not self.rest:
            raise PatternError("a pattern that is complete")
        self._index += 1
        return self._pattern[self._index - 1]

    def _atom(self) -> Node:
        char = self._next()
        if char == "(":
            return self._group()
        if char == "[":
            return self._character_class()
        if char == "\\":
            return self._escape()
        if char in "^$":
            return Assertion(char)
        if char in "*+?{":
            raise PatternError("something to repeat before * + ? or { (a literal one is written with a backslash)")
        return Single(_test_for("." if char == "." else re.escape(char)))

    def _group(self) -> Node:
        if not self._take("?:") and self.rest.startswith("?"):
            raise PatternError("plain groups ( ) or (?: ), no look-around, names or flags")
        tree = self.alternatives()
        if not self._take(")"):
            raise PatternError("a closing bracket for every opening one")
        return tree

    def _escape(self) -> Node:
        char = self._next()
        if char in "bB":
            return Assertion(char)
        return Single(_test_for(_escaped(char)))

    def _character_class(self) -> Node:
        start = self._index - 1
        self._take("^")
        self._take("]")
        while (char := self._next()) != "]":
            if char == "\\":
                _escaped(self._next())
            elif char == "[" or (char in "&|~-" and self.rest.startswith(char)):
                raise PatternError("character classes without [ and doubled signs inside (write a backslash before)")
        return Single(_test_for(self._pattern[start : self._index]))

    def _quantified(self, atom: Node) -> Node:
        bounds = self._bounds()
        if bounds is None:
            return atom
        if isinstance(atom, Assertion):
            raise PatternError("something to repeat before * + ? or {")
        self._take("?")  # lazy or greedy: the answer whether there is a match is the same
        if self.rest and self.rest[0] in "*+?{":
            raise PatternError("one repetition sign at a time")
        return Repeat(atom, *bounds)

    def _bounds(self) -> tuple[int, int | None] | None:
        for sign, bounds in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._take(sign):
                return bounds
        return self._counted() if self.rest.startswith("{") else None

    def _counted(self) -> tuple[int, int | None]:
        match = _COUNT.match(self.rest)
        if match is None or match.group(1) + match.group(3) == "":
            raise PatternError("a count such as {2} or {1,3} (a literal { is written with a backslash)")
        self._index += match.end()
        least = int(match.group(1) or 0)
        most = (int(match.group(3)) if match.group(3) else None) if match.group(2) else least
        if max(least, most or 0) > MAX_COUNT or (most is not None and most < least):
            raise PatternError(f"counts from low to high, at most {MAX_COUNT}")
        return least, most


def _escaped(char: str) -> str:
    if char not in _CLASS_ESCAPES and (char.isalnum() or not char.isascii()):
        raise PatternError(r"only the escapes \d \w \s \D \W \S \b \B \n \t \r and escaped punctuation")
    return "\\" + char


def _test_for(atom: str) -> Callable[[str], object]:
    try:
        return re.compile(atom, re.IGNORECASE).fullmatch
    except re.error:
        raise PatternError("valid character classes") from None
