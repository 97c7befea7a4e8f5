"""Rows of a file through capture's own use case, batch by batch; then who became whom."""

import csv
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import orjson

from services.capture.handlers.capture_leads import CaptureLeads
from services.capture.importing.suggesting import suggest
from services.capture.ports import ConsentBook, LeadBook, MergeBook
from shared.contracts import ids
from shared.contracts.topics import INBOUND_BULK
from shared.handling.outcomes import InHand, Produced
from shared.handling.records import Record
from shared.handling.work import Work
from tests.evaluation.books import MemoryConsents, MemoryLeads, MemoryMerges

TOPIC_ID: Final = "11111111-2222-4333-8444-555555555555"
_SOURCE: Final = "evaluation"
_FIRST_MS: Final = 1_772_366_000_000


@dataclass(frozen=True, slots=True)
class Labelled:
    """A row as a record, and who it is about as the label has it."""

    row: int
    label: str
    record: Record


def read_rows(path: Path, label: str, *, ignored: Sequence[str] = ()) -> list[Labelled]:
    """The rows of a file with its columns as `leadstream import` suggests them; the label and `ignored` columns are
    taken out before, so that nothing is decided by them."""
    with path.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.reader(stream)
        header = next(reader)
        left = [place for place, name in enumerate(header) if name != label and name not in ignored]
        at = header.index(label)
        mapping = suggest([header[place] for place in left], source=_SOURCE)
        return [
            Labelled(row, cells[at], _record(row, mapping.document([cells[place] for place in left])))
            for row, cells in enumerate(reader)
            if len(cells) == len(header)
        ]


def _record(row: int, document: dict[str, Any]) -> Record:
    event_id = ids.root_event_id(_SOURCE, f"row-{row}")
    headers = (("content-type", b"application/json"),)
    return Record(
        INBOUND_BULK, TOPIC_ID, 0, row, _FIRST_MS + row, b"key", orjson.dumps(document), headers, event_id,
        "lead.submitted", _SOURCE, "", "2026-03-01T11:00:00Z",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The lead of each row in the end, how many were refused, the rows' pairs left for people, seconds of handling."""

    leads: dict[int, str]
    refused: int
    asked: set[frozenset[str]]
    merges: dict[str, int]
    seconds: float


async def run(rows: Sequence[Labelled], work: Work, *, batch: int, region: str | None) -> Evaluated:
    """Every row through the use case, in batches; the leads as they are once the last has been placed."""
    books, merges, unused = MemoryLeads(), MemoryMerges(), cast(Any, None)
    capture = CaptureLeads(
        cast(LeadBook, books),
        cast(MergeBook, merges),
        unused,
        cast(Any, _no_targets),
        unused,
        cast(ConsentBook, MemoryConsents()),
        b"evaluation",
        region,
    )
    members: dict[int, str] = {}
    refused, began = 0, time.perf_counter()
    for some in _batches(rows, batch):
        outcomes = await capture([InHand(row.record, None) for row in some], work)
        for row, outcome in zip(some, outcomes, strict=True):
            if isinstance(outcome, Produced) and outcome.subject is not None:
                members[row.row] = outcome.subject
            else:
                refused += 1
    seconds = time.perf_counter() - began
    leads = {row: books.root_of(member) for row, member in members.items()}
    asked = {frozenset((books.root_of(p.lead_id), books.root_of(p.other_id))) for p in books.pairs.values()}
    reasons: dict[str, int] = {}
    for merge in merges.merges.values():
        reasons[merge.reason] = reasons.get(merge.reason, 0) + 1
    return Evaluated(leads, refused, {pair for pair in asked if len(pair) == 2}, reasons, seconds)


async def _no_targets(seen: object, people: object, work: object) -> None:
    """Nobody is listed here."""


def _batches(rows: Sequence[Labelled], size: int) -> Iterator[Sequence[Labelled]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))
