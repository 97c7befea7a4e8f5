"""Searches a text with a pattern in time linear in the text, whatever the pattern: no backtracking.

A pattern becomes a nondeterministic automaton; the sets of places it can be in become deterministic states when they
are first met (K. Thompson, "Regular expression search algorithm", 1968; lazy construction as in RE2).

    contains_vp = compile_pattern(r"\\bvp\\b")
    contains_vp("VP Sales")                       # True: letter case does not matter
"""

from collections.abc import Callable, Iterable
from typing import Final
from unicodedata import normalize

from shared.rules.patterns import Alternatives, Assertion, Node, PatternError, Repeat, Sequence, Single, parse_pattern

MAX_SEARCHED_LENGTH = 1000
MAX_STEPS = 600
MAX_CACHED_MOVES = 20_000

_ACCEPT: Final = 0


def compile_pattern(pattern: str) -> Callable[[str], bool]:
    """A search for `pattern` anywhere in a text. Raises PatternError for what the dialect excludes.

    Only the first 1,000 characters are searched; `$` is the end of the whole text, never that cut.
    """
    return _Automaton(parse_pattern(pattern)).search


class _State:
    """A set of places, with what the boundary tests need to know about the character before."""

    __slots__ = ("after_word", "at_start", "ends", "moves", "places")

    def __init__(self, places: frozenset[int], *, after_word: bool, at_start: bool) -> None:
        self.places = places
        self.after_word = after_word
        self.at_start = at_start
        self.moves: dict[str, _State] = {}
        self.ends: bool | None = None
        """Whether a text that ends here matches; None until it was asked."""


_MATCHED: Final = _State(frozenset(), after_word=False, at_start=False)


class _Automaton:
    def __init__(self, tree: Node) -> None:
        self._singles: dict[int, tuple[Callable[[str], object], int]] = {}
        self._forks: dict[int, tuple[int, ...]] = {}
        self._assertions: dict[int, tuple[str, int]] = {}
        self._steps = 0
        self._entry = self._build(tree, _ACCEPT)
        self._states: dict[tuple[frozenset[int], bool], _State] = {}
        self._cached_moves = 0
        self._start = _State(frozenset((self._entry,)), after_word=False, at_start=True)

    def search(self, text: str) -> bool:
        if not text.isascii():
            text = normalize("NFKC", text)
        is_whole = len(text) <= MAX_SEARCHED_LENGTH
        state = self._start
        # One character more than is searched shows what follows a match that ends exactly there.
        for char in text if is_whole else text[: MAX_SEARCHED_LENGTH + 1]:
            state = state.moves.get(char) or self._advance(state, char)
            if state is _MATCHED:
                return True
        if state.ends is None:
            state.ends = _ACCEPT in self._reachable(state, following=None)
        return is_whole and state.ends

    def _build(self, node: Node, then: int) -> int:
        """The place where `node`, continued at `then`, begins. Counts calls, so that nested counts cannot explode."""
        place = self._new_place()
        match node:
            case Single(test):
                self._singles[place] = (test, then)
            case Assertion(kind):
                self._assertions[place] = (kind, then)
            case Sequence(parts):
                for part in reversed(parts):
                    then = self._build(part, then)
                self._forks[place] = (then,)
            case Alternatives(options):
                self._forks[place] = tuple(self._build(option, then) for option in options)
            case Repeat(body, least, most):
                self._forks[place] = (self._build_repeat(body, least, most, then),)
        return place

    def _build_repeat(self, body: Node, least: int, most: int | None, then: int) -> int:
        if most is None:
            loop = self._new_place()
            self._forks[loop] = (self._build(body, loop), then)
            begin = loop
        else:
            begin = then
            for _ in range(most - least):
                optional = self._new_place()
                self._forks[optional] = (self._build(body, begin), then)
                begin = optional
        for _ in range(least):
            begin = self._build(body, begin)
        return begin

    def _new_place(self) -> int:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise PatternError("a smaller pattern (its counts multiply)")
        return self._steps

    def _advance(self, state: _State, char: str) -> _State:
        reached = self._reachable(state, following=char)
        following = _MATCHED if _ACCEPT in reached else self._state(self._consume(reached, char), _is_word(char))
        self._cached_moves += 1
        if self._cached_moves > MAX_CACHED_MOVES:
            self._forget()
        state.moves[char] = following
        return following

    def _consume(self, places: Iterable[int], char: str) -> frozenset[int]:
        singles = (self._singles[place] for place in places if place in self._singles)
        return frozenset((self._entry, *(then for test, then in singles if test(char))))

    def _state(self, places: frozenset[int], after_word: bool) -> _State:
        key = (places, after_word)
        state = self._states.get(key)
        if state is None:
            state = self._states[key] = _State(places, after_word=after_word, at_start=False)
        return state

    def _forget(self) -> None:
        for state in self._states.values():
            state.moves.clear()
        self._start.moves.clear()
        self._states.clear()
        self._cached_moves = 0

    def _reachable(self, state: _State, *, following: str | None) -> set[int]:
        """All places that can be reached without consuming a character, given what stands before and after."""
        is_boundary = state.after_word != (following is not None and _is_word(following))
        holds = {"^": state.at_start, "$": following is None, "b": is_boundary, "B": not is_boundary}
        reached: set[int] = set()
        open_places = list(state.places)
        while open_places:
            place = open_places.pop()
            if place in reached:
                continue
            reached.add(place)
            open_places.extend(self._forks.get(place, ()))
            kind, then = self._assertions.get(place, ("", 0))
            if kind and holds[kind]:
                open_places.append(then)
        return reached


def _is_word(char: str) -> bool:
    return char.isalnum() or char == "_"
