"""A preview from its first piece to its report. See `services.reporting.domain.frames` for what is read."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

import orjson

from services.preview.books import Rules, read_drafts, read_live
from services.preview.comparing import compare, compared, report
from services.preview.judging import Judge
from services.preview.leads import RuleDocument
from services.preview.learning import Journal, held_against, learned, row_of
from services.preview.past import Past
from services.preview.wanted import Wanted
from services.reporting.domain import frames
from services.reporting.domain.bundles import unpack
from services.reporting.domain.frames import Frame
from services.routing.domain.roster import Member, Roster
from services.scoring.domain.learning.reporting import OutcomeTally
from services.scoring.domain.model import load_scoring_model
from services.scoring.domain.scoring import compile_model
from shared.rules import RuleFileError

_FRESH_MEMBERS: Final = tuple(Member(name, True, ("sales",)) for name in ("ann", "ben", "chris"))


def run(pieces: Iterator[Frame]) -> dict[str, Any]:
    """The report of the task that the job names, or `problems` of its documents: then nothing more is read."""
    job = orjson.loads(_first(pieces).body)
    return _TASKS[job.get("task", "preview")](job, pieces)


def _preview(job: Mapping[str, Any], pieces: Iterator[Frame]) -> dict[str, Any]:
    try:
        drafts = read_drafts(job["drafts"])
    except RuleFileError as error:
        return _problems(error)
    live, notes = read_live({kind: RuleDocument(**document) for kind, document in job.get("live", {}).items()})
    draft = live.replaced(drafts)
    roster = Roster.of(_members(job.get("members"), notes))
    past = _read(pieces, Past(Judge(live, roster), Judge(draft, roster), as_of_ms=job.get("as_of_ms")))
    tally = compare(compared(past.leads()), live, draft, roster, examples=job.get("examples", 5))
    return {
        "rules": _told(live, draft),
        **report(tally),
        "left_out": {"without_state": len(past) - tally.leads, "unreadable_events": past.unreadable},
        "notes": notes,
    }


def _learn(job: Mapping[str, Any], pieces: Iterator[Frame]) -> dict[str, Any]:
    return learned(_read(pieces, Journal(row_of)), job)


def _outcomes(job: Mapping[str, Any], pieces: Iterator[Frame]) -> dict[str, Any]:
    try:
        tally = OutcomeTally(compile_model(load_scoring_model(job["document"]), version=0))
    except RuleFileError as error:
        return _problems(error)
    return held_against(_read(pieces, Journal(tally.score)), tally, job)


_TASKS: Final = {"preview": _preview, "learn": _learn, "outcomes": _outcomes}
_Reader = TypeVar("_Reader", bound=Wanted)


def _first(pieces: Iterator[Frame]) -> Frame:
    piece = next(pieces, None)
    if piece is None or piece.kind != frames.JOB:
        raise EOFError("a preview begins with its job")
    return piece


def _read(pieces: Iterator[Frame], past: _Reader) -> _Reader:
    take: Mapping[bytes, Callable[[bytes], None]] = {
        frames.LEADS: past.want,
        frames.MERGED: past.want_merged,
        frames.BUNDLE: lambda body: past.take_bundle(unpack(body)),
        frames.EVENT: lambda body: past.take_event(orjson.loads(body)),
    }
    for piece in pieces:
        take[piece.kind](piece.body)
    return past


def _members(given: Sequence[Mapping[str, Any]] | None, notes: list[str]) -> Sequence[Member]:
    if given is None:
        notes.append("The members are not known here: those of a fresh installation stand for them.")
        return _FRESH_MEMBERS
    return [Member(each["member_id"], each["active"], tuple(each["queues"])) for each in given]


def _told(live: Rules, draft: Rules) -> dict[str, Any]:
    return {
        kind: {"live": book.told(), "draft": draft.books[kind].told() if draft.books[kind] is not book else None}
        for kind, book in live.books.items()
    }


def _problems(error: RuleFileError) -> dict[str, Any]:
    return {
        "problems": [
            {"file": each.file, "line": each.line, "column": each.column, "path": each.path, "message": str(each)}
            for each in error.problems
        ]
    }
