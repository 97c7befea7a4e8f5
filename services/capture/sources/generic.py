"""Any sender's JSON, form or CSV rows, placed by a mapping of the file of sources; verified by the scheme it names."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import Any, Final

import msgspec

from services.capture.domain.payload import FORM_TYPE, decode_form_inputs, decode_json, judge_inputs
from services.capture.domain.placing import FieldMapping
from services.capture.domain.refusal import Refused, refuse
from services.capture.sources.composing import as_id, compose
from services.capture.sources.configured import ConfiguredSource, InputMapping
from services.capture.sources.protocol import Answer, Asked, Document, Element, Unverified
from services.capture.sources.signing import standard_id, verify_scheme

CSV_TYPE: Final = "text/csv"
_BUILT_IN: Final = FieldMapping("generic@1", {})
_NO_PATHS: Final = InputMapping(version=1)


class Generic:
    """See protocol.WebSource."""

    def greet(self, asked: Asked, source: ConfiguredSource) -> Answer | None:
        """Nobody asks."""
        return None

    def verify(self, asked: Asked, source: ConfiguredSource) -> Unverified | None:
        """By the scheme; a source that names none is open to who knows its address."""
        how = source.entry.signature
        return None if how is None else verify_scheme(how, asked, source.secrets_at(asked.at))

    def split(self, asked: Asked, source: ConfiguredSource) -> Sequence[Element]:
        """The elements of a list, the rows below a header, or the one lead."""
        paths = source.paths or _NO_PATHS
        if asked.content_type == CSV_TYPE:
            return [self._element(raw, asked, source, None) for raw in _rows(asked.body)]
        if asked.content_type == FORM_TYPE:
            return [self._element(asked.body, asked, source, standard_id(asked))]
        several = listed(asked.body, paths.leads)
        if several is None:
            return [self._element(asked.body, asked, source, standard_id(asked))]
        return [self._element(raw, asked, source, None) for raw in several]

    def _element(self, raw: bytes, asked: Asked, source: ConfiguredSource, message: str | None) -> Element:
        """`message` is the id of the whole request, which is the lead's where it has none itself."""
        found = _inputs(raw, asked.content_type)
        if isinstance(found, Refused):
            return Element(raw, message)
        values, paths = dict(found), source.paths or _NO_PATHS
        when = values.get(paths.occurred_at or "")
        return Element(
            raw,
            as_id(values.get(paths.event_id or "")) or message,
            is_test=_is_test(values, paths),
            occurred_at=when if isinstance(when, str) else None,
        )

    def read(self, raw: bytes, content_type: str, source: ConfiguredSource | None) -> Document | Refused:
        """Inputs by their paths; what nothing names stays in `extra` under its path."""
        found = _inputs(raw, content_type)
        if isinstance(found, Refused):
            return found
        paths = (source.paths if source is not None else None) or _NO_PATHS
        parts = {"test": _is_test(dict(found), paths) or None}
        return compose(found, source, built_in=_BUILT_IN, lead_source="api", parts=parts)

    def answer(self, asked: Asked, source: ConfiguredSource, elements: Sequence[Element]) -> Answer:
        """How many were taken; each has a receipt, by the sender's own id."""
        return Answer(202, b'{"accepted":%d}' % len(elements))


def _is_test(values: Mapping[str, Any], paths: InputMapping) -> bool:
    return paths.test is not None and values.get(paths.test) in (True, "true", "1", "yes")


def _inputs(raw: bytes, content_type: str) -> list[tuple[str, Any]] | Refused:
    """Every value of a lead with its path."""
    if content_type == FORM_TYPE:
        return decode_form_inputs(raw)
    if content_type == CSV_TYPE:
        return _cells(raw)
    return json_inputs(raw)


def json_inputs(raw: bytes) -> list[tuple[str, Any]] | Refused:
    """Every value of a JSON object with its path."""
    found = decode_json(raw)
    return found if isinstance(found, Refused) else list(_leaves(found, ""))


def _leaves(node: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """Values by dotted path; a list is one value, unless it has objects, which are numbered from 0."""
    for key, value in node.items():
        path = f"{prefix}{key}"
        if isinstance(value, dict):
            yield from _leaves(value, f"{path}.")
        elif isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
            for number, each in enumerate(value):
                yield from _leaves(each, f"{path}.{number}.")
        else:
            yield path, value


def listed(body: bytes, path: str | None) -> list[bytes] | None:
    """The elements of the list at a path, or of a body that is a list, each its own bytes; None where there is none."""
    here: Any = msgspec.Raw(body)
    try:
        for part in path.split(".") if path else ():
            here = msgspec.json.decode(here, type=dict[str, msgspec.Raw])[part]
        if bytes(here).lstrip()[:1] != b"[":
            return None
        return [bytes(each) for each in msgspec.json.decode(here, type=list[msgspec.Raw])]
    except (msgspec.DecodeError, KeyError, RecursionError):
        return None


def _rows(body: bytes) -> list[bytes]:
    """Each row as it stands, below the header as it stands, so that it can be read by itself; what cannot be taken apart
    is one row, which will be refused."""
    try:
        lines = list(io.StringIO(body.decode("utf-8-sig"), newline=""))
    except UnicodeError:
        return [body]
    reader, ends = csv.reader(iter(lines), strict=True), [0]
    with suppress(csv.Error):
        ends.extend(reader.line_num for _ in reader)
    if ends[-1] < len(lines):
        ends.append(len(lines))
    pieces = ["".join(lines[start:end]) for start, end in pairwise(ends)]
    header, rows = "".join(pieces[:1]), [piece for piece in pieces[1:] if piece.strip()]
    return [(header + row).encode() for row in rows] or [body]


def _cells(raw: bytes) -> list[tuple[str, Any]] | Refused:
    try:
        rows = [row for row in csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""), strict=True) if row]
    except (UnicodeError, csv.Error):
        return refuse("damaged_row")
    if len(rows) != 2 or len(rows[0]) != len(rows[1]):
        return refuse("wrong_field_count")
    return judge_inputs(list(zip(rows[0], rows[1], strict=True)))
