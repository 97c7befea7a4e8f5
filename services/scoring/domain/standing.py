"""Where a lead stands with scoring: its newest state, its score, and which records may change them.

Bytes are JSON as they are stored and published, so that a redelivery publishes what was stored, to the letter.
"""

from dataclasses import dataclass

import orjson

from services.scoring.domain.inbound import CapturedLead, ChangedLead
from services.scoring.domain.scoring import CompiledModel, Weighed, weigh
from shared.contracts.thin import MergedLead, UnmergedLead


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
    merged_into: str | None = None
    erased: bool = False
    stored: bool = False
    changed: bool = False

    def published(self) -> bytes:
        """The data of `lead.scored` at this point."""
        return b'{"lead":%b,"lead_version":%d,"score":%b,"score_version":%d,"origin":%b}' % (
            self.lead, self.lead_version, self.score, self.score_version, self.origin or b"null",
        )  # fmt: skip


def why_not_scored(standing: Standing, captured: CapturedLead, *, redirected: bool) -> str | None:
    """Why a captured record changes nothing: it is older than the state, or of a lead that was merged away or erased.

    A lead without a submission yet takes any record as the one that it goes back to.
    """
    if standing.erased:
        return "erased"
    if standing.origin is None and standing.lead_version > 0:
        return None
    if redirected:
        return "merged_away"
    return None if captured.lead_version > standing.lead_version else "superseded"


def score_captured(
    standing: Standing, captured: CapturedLead, model: CompiledModel, *, redirected: bool, now: str
) -> Weighed:
    """Take the record's lead where it is newer, and score the newest. `now` is an RFC 3339 instant."""
    standing.origin = captured.origin
    if not redirected and captured.lead_version > standing.lead_version:
        standing.lead, standing.lead_version = captured.lead, captured.lead_version
    return _score(standing, weigh(model.see(standing.lead), model), now)


def score_changed(standing: Standing, changed: ChangedLead, model: CompiledModel, *, now: str) -> Weighed | None:
    """Take a lead's state that no submission brought, and score it; None while no submission is known."""
    standing.lead, standing.lead_version = orjson.dumps(changed.lead), changed.lead_version
    standing.changed = True
    return None if standing.origin is None else _score(standing, weigh(changed.lead, model), now)


def score_merged(
    lead: Standing, other: Standing | None, said: MergedLead | UnmergedLead, model: CompiledModel, *, now: str
) -> Weighed | None:
    """Take a lead's state after a merge, or after one was taken back, and score it; None while no submission of either
    lead is known."""
    lead.lead, lead.lead_version = orjson.dumps(said.lead), said.lead_version
    lead.changed = True
    if lead.origin is None and other is not None:
        lead.origin = other.origin
    if lead.origin is None:
        return None
    return _score(lead, weigh(said.lead, model), now)


def _score(standing: Standing, weighed: Weighed, now: str) -> Weighed:
    standing.score = weighed.json_at(now)
    standing.score_version += 1
    standing.changed = True
    return weighed
