"""Rule text to plain data that remembers where each value stood.

    loaded = load_yaml("rules:\\n  - id: a\\n", file="scoring.yaml")
    loaded.data                                   # {"rules": [{"id": "a"}]}
    loaded.position(("rules", 0, "id"))           # Position(line=2, column=9)

Read from the parser's events, so nothing is ever constructed from a tag. Refused: duplicate keys, tags, merge keys,
tabs as indentation, several documents, anchors that grow, more than 1 MiB, anything that is not UTF-8. A byte order
mark is dropped.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

import yaml

from shared.rules.problems import MAX_PROBLEMS, Path, RuleFault, RuleFileError, RuleProblem, kind_of, render_path
from shared.rules.scalars import UnusableScalarError, read_plain_scalar

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 60
MAX_ALIASED_VALUES = 10_000

_TAB_INDENT = re.compile(r"^( *)\t(?=.*\S)", re.MULTILINE)
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Position(NamedTuple):
    """Line and column, both from 1."""

    line: int
    column: int


@dataclass(slots=True)
class LoadedYaml:
    """Plain data (dict, list, str, int, float, bool, None) with the place of every value and key."""

    file: str
    data: Any = None
    values: dict[Path, Position] = field(default_factory=dict)
    keys: dict[Path, Position] = field(default_factory=dict)

    def position(self, path: Path, *, at_key: bool = False) -> Position:
        """Where `path` stands; for a missing value, where its nearest surrounding value stands."""
        if at_key and path in self.keys:
            return self.keys[path]
        for length in range(len(path), -1, -1):
            if path[:length] in self.values:
                return self.values[path[:length]]
        return Position(1, 1)

    def problem(self, fault: RuleFault) -> RuleProblem:
        """The fault with file, line, column, and the kind of what stands there."""
        line, column = self.position(fault.path, at_key=fault.at_key)
        found = fault.found_kind or kind_of(self.value_at(fault.path))
        return RuleProblem(self.file, line, column, render_path(fault.path), found, fault.expected, fault.hint)

    def resolve(self, location: tuple[str | int, ...]) -> Path:
        """The part of a validator's location that exists in the data; names of union members are skipped."""
        path: list[str | int] = []
        value = self.data
        for part in location:
            if _has(value, part):
                value = value[part]
                path.append(part)
        return tuple(path)

    def value_at(self, path: Path) -> Any:
        """The value at `path`; None when there is none."""
        value = self.data
        for part in path:
            if not _has(value, part):
                return None
            value = value[part]
        return value


def load_yaml(text: str | bytes, *, file: str) -> LoadedYaml:
    """Reads one YAML document. Raises RuleFileError with every problem that was found before the parser gave up."""
    decoded = _decode(text, file)
    _refuse_tabs(decoded, file)
    builder = _Builder(file)
    with suppress(_TooLargeError):
        _build(builder, decoded)
    if builder.problems:
        raise RuleFileError(builder.problems)
    return builder.loaded


def _build(builder: "_Builder", text: str) -> None:
    try:
        builder.read(yaml.parse(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        builder.refuse_syntax(error)
    except yaml.reader.ReaderError as error:
        place = _place_of(text, error.position if isinstance(error.position, int) else 0)
        builder.refuse(place, (), "printable characters", "a control character")


def _has(value: Any, part: str | int) -> bool:
    if isinstance(part, int):
        return isinstance(value, list) and -1 < part < len(value)
    return isinstance(value, dict) and part in value


def _decode(text: str | bytes, file: str) -> str:
    try:
        raw = text.encode("utf-8") if isinstance(text, str) else text
        if len(raw) > MAX_BYTES:
            raise RuleFileError([RuleProblem(file, 1, 1, "", "a longer one", f"a file of at most {MAX_BYTES} bytes")])
        return raw.decode("utf-8-sig")
    except UnicodeError as error:
        start = getattr(error, "start", 0)
        readable = text[:start] if isinstance(text, str) else text[:start].decode("utf-8", "replace")
        line, column = _place_of(readable, len(readable))
        problem = RuleProblem(file, line, column, "", "other bytes", "text in UTF-8", "save the file as UTF-8")
        raise RuleFileError([problem]) from None


def _refuse_tabs(text: str, file: str) -> None:
    problems = [
        RuleProblem(file, *_place_of(text, match.end() - 1), "", "a tab", "spaces as indentation")
        for match in islice(_TAB_INDENT.finditer(text), MAX_PROBLEMS)
    ]
    if problems:
        raise RuleFileError(problems)


def _place_of(text: str, index: int) -> Position:
    return Position(text.count("\n", 0, index) + 1, index - (text.rfind("\n", 0, index) + 1) + 1)


def _mark_place(mark: Any) -> Position:
    return Position(1, 1) if mark is None else Position(mark.line + 1, mark.column + 1)


class _TooLargeError(Exception):
    """Building stops: the refusals are already noted."""


class _Builder:
    """Builds data from parser events; goes on after a refusal so that one run reports many problems."""

    def __init__(self, file: str) -> None:
        self.loaded = LoadedYaml(file)
        self.problems: list[RuleProblem] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._aliased_values = 0
        self._value_count = 0

    def refuse(self, place: Position, path: Path, expected: str, found: str, hint: str | None = None) -> None:
        if len(self.problems) == MAX_PROBLEMS:
            raise _TooLargeError
        self.problems.append(RuleProblem(self.loaded.file, *place, render_path(path), found, expected, hint))

    def refuse_syntax(self, error: yaml.MarkedYAMLError) -> None:
        """The parser's own sentence speaks of syntax only; it quotes at most one character."""
        place = _mark_place(error.problem_mark or error.context_mark)
        self.refuse(place, (), "valid YAML", "a syntax error", error.problem or error.context)

    def read(self, events: Iterator[Any]) -> None:
        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self.refuse(_mark_place(event.start_mark), (), "one document", "a second one", "remove the ---")
                    return
            elif isinstance(event, yaml.NodeEvent):
                self.loaded.data = self._node(event, events, ())

    def _node(self, event: Any, events: Iterator[Any], path: Path) -> Any:
        place = _mark_place(event.start_mark)
        self.loaded.values[path] = place
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, path, place)
        if len(path) > MAX_DEPTH:
            self.refuse(place, path[:5], f"at most {MAX_DEPTH} levels", "more")
            raise _TooLargeError
        self._value_count += 1
        count_before = self._value_count
        self._refuse_tag(event, path, place)
        value = self._content(event, events, path, place)
        if event.anchor:
            self._anchors[event.anchor] = (value, self._value_count - count_before + 1)
        return value

    def _content(self, event: Any, events: Iterator[Any], path: Path, place: Position) -> Any:
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, path, place)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(events, path)
        return self._mapping(events, path)

    def _scalar(self, event: Any, path: Path, place: Position) -> Any:
        if event.style or event.tag == "tag:yaml.org,2002:str":
            return event.value
        try:
            return read_plain_scalar(event.value)
        except UnusableScalarError as error:
            self.refuse(place, path, str(error), "another one")
            return 0

    def _sequence(self, events: Iterator[Any], path: Path) -> list[Any]:
        items: list[Any] = []
        for event in events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            items.append(self._node(event, events, (*path, len(items))))
        return items

    def _mapping(self, events: Iterator[Any], path: Path) -> dict[str, Any]:
        entries: dict[str, Any] = {}
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            key = self._key(event, events, path)
            key_path = (*path, key)
            place = _mark_place(event.start_mark)
            if key in entries:
                hint = f"first written in line {self.loaded.keys[key_path].line}"
                self.refuse(place, key_path, "each key once", "a duplicate key", hint)
            self.loaded.keys[key_path] = place
            entries[key] = self._node(next(events), events, key_path)
        return entries

    def _key(self, event: Any, events: Iterator[Any], path: Path) -> str:
        """Keys are taken as written: `on`, `no` and `12` stay text."""
        place = _mark_place(event.start_mark)
        if not isinstance(event, yaml.ScalarEvent):
            self.refuse(place, path, "a word as key", "an alias, a list or a mapping")
            self._node(event, events, (*path, "?"))
            return "?"
        self._refuse_tag(event, path, place)
        if event.value == "<<" and not event.style:
            self.refuse(place, path, "plain keys", "a merge key", "write the keys out")
        return str(event.value)

    def _refuse_tag(self, event: Any, path: Path, place: Position) -> None:
        if event.tag not in (None, "!", "tag:yaml.org,2002:str"):
            self.refuse(place, path, "a plain value", "a tag", "remove the word that starts with !")

    def _alias(self, event: Any, path: Path, place: Position) -> Any:
        """The anchored value itself; an anchor counts only once it is complete, so no value can contain itself."""
        if event.anchor not in self._anchors:
            self.refuse(place, path, "an anchor that is complete before it is used", "an unknown anchor")
            return None
        value, size = self._anchors[event.anchor]
        self._aliased_values += size
        self._value_count += size
        if self._aliased_values > MAX_ALIASED_VALUES:
            self.refuse(place, path, f"anchors that repeat at most {MAX_ALIASED_VALUES} values", "more")
            raise _TooLargeError
        return value
