"""Where a lead stands with scoring: its newest state, its score, and which records may change them.

Bytes are JSON as they are stored and published, so that a redelivery publishes what was stored, to the letter.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from services.scoring.domain.inbound import CapturedLead
from services.scoring.domain.scoring import CompiledModel, Score, compute_score
from shared.contracts.thin import MergedLead


@dataclass(slots=True)
class Standing:
    """A lead's row. `origin` is None only for a lead that is known by a merge alone: it is scored with its first
    submission. `stored` rows exist already, `changed` ones are to be saved."""

    lead_id: str
    lead_version: int = 0
    lead: bytes = b"{}"
    origin: bytes | None = None
    score: bytes = b"null"
    score_version: int = 0
    event_id: str = ""
    merged_into: str | None = None
    stored: bool = False
    changed: bool = False

    def published(self) -> bytes:
        """The data of `lead.scored` at this point."""
        return b'{"lead":%b,"lead_version":%d,"score":%b,"score_version":%d,"origin":%b}' % (
            self.lead, self.lead_version, self.score, self.score_version, self.origin or b"null",
        )  # fmt: skip


def why_not_scored(standing: Standing, captured: CapturedLead, *, redirected: bool) -> str | None:
    """Why a captured record changes nothing: it is older than the state, or of a lead that was merged away.

    A lead without a submission yet takes any record as the one that it goes back to.
    """
    if standing.origin is None and standing.lead_version > 0:
        return None
    if redirected:
        return "merged_away"
    return None if captured.lead_version > standing.lead_version else "superseded"


def score_captured(
    standing: Standing, captured: CapturedLead, event_id: str, model: CompiledModel, *, redirected: bool, now: datetime
) -> Score:
    """Take the record's lead where it is newer, and score the newest."""
    standing.origin = orjson.dumps(captured.origin)
    if not redirected and captured.lead_version > standing.lead_version:
        _take(standing, captured.lead, captured.lead_version)
        return _score(standing, captured.lead, event_id, model, now)
    return _score(standing, orjson.loads(standing.lead), event_id, model, now)


def score_merged(
    winner: Standing, loser: Standing | None, merged: MergedLead, event_id: str, model: CompiledModel, *, now: datetime
) -> Score | None:
    """Take the winner's state after a merge and score it; None while no submission of either is known."""
    _take(winner, merged.lead, merged.lead_version)
    if winner.origin is None and loser is not None:
        winner.origin = loser.origin
    if winner.origin is None:
        winner.event_id = event_id
        return None
    return _score(winner, merged.lead, event_id, model, now)


def _take(standing: Standing, lead: dict[str, Any], version: int) -> None:
    standing.lead = orjson.dumps(lead)
    standing.lead_version = version
    standing.changed = True


def _score(standing: Standing, lead: dict[str, Any], event_id: str, model: CompiledModel, now: datetime) -> Score:
    score = compute_score(lead, model, now=now)
    standing.score = orjson.dumps(score)
    standing.score_version += 1
    standing.event_id = event_id
    standing.changed = True
    return score
