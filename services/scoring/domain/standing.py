"""Where a lead stands with scoring: its newest state, its score, and which records may change them.

Bytes are JSON as they are stored and published, so that a redelivery publishes what was stored, to the letter.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from services.scoring.domain.accounts import account_key
from services.scoring.domain.behaviour import Log, instant_of, ms_of, union
from services.scoring.domain.inbound import CapturedLead, ChangedLead
from services.scoring.domain.scoring import CompiledModel, Weighed, labels_of, weigh, weigh_at
from shared.contracts.thin import MergedLead, UnmergedLead, received_at


@dataclass(slots=True)
class Standing:
    """A lead's row. `origin` is None only for a lead that is known by a merge or its behaviour alone: it is scored with its
    first submission. `stored` rows exist already, `changed` ones are to be saved.

    `account_key` says which company it belongs to, where the model asks. `sales_ready` is what was told last. `behaves`: the lead, or one that was merged into it, has a log; `logs` are these, by the lead that they were told of, and
    `relogged` those of them to be saved. `turns_at`: when its score turns by itself; `timer_at`: for when a timer is set.
    """

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
    sales_ready: bool = False
    behaves: bool = False
    logs: dict[str, Log] | None = None
    relogged: set[str] | None = None
    account_key: str | None = None
    turns_at: datetime | None = None
    timer_at: datetime | None = None

    def log_of(self, lead_id: str) -> Log:
        """The log of this lead, or of one that was merged into it, to be added to."""
        if self.logs is None:
            self.logs = {}
        return self.logs.setdefault(lead_id, {})

    def relog(self, lead_id: str) -> None:
        """A log has changed."""
        self.relogged = {*(self.relogged or ()), lead_id}
        self.behaves = self.changed = True

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
    return _score(standing, model.see(standing.lead), model, now)


def score_changed(standing: Standing, changed: ChangedLead, model: CompiledModel, *, now: str) -> Weighed | None:
    """Take a lead's state that no submission brought, and score it; None while no submission is known."""
    standing.lead, standing.lead_version = orjson.dumps(changed.lead), changed.lead_version
    standing.changed = True
    return None if standing.origin is None else _score(standing, changed.lead, model, now)


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
    return _score(lead, said.lead, model, now)


def rescore(standing: Standing, model: CompiledModel, *, now: str) -> Weighed | None:
    """Score what is stored as of an instant; None where that says the same as the score that was told. When the score turns
    next is noted in either case."""
    weighed = _weigh(standing, model.see(standing.lead), model, now)
    _note_turn(standing, weighed)
    if _said(weighed.score) == _said(orjson.loads(standing.score)):
        return None
    return _tell(standing, weighed, now)


def turn(standing: Standing, model: CompiledModel, *, now: str) -> Weighed | None:
    """The same where time alone has come: told is only another grade, level or temperature."""
    weighed = _weigh(standing, model.see(standing.lead), model, now)
    _note_turn(standing, weighed)
    if labels_of(weighed.score) == labels_of(orjson.loads(standing.score)):
        return None
    return _tell(standing, weighed, now)


def take_readiness(standing: Standing, weighed: Weighed) -> bool:
    """Note whether a lead that was just scored is sales-ready; whether that is a transition. Rules that do not say when a lead
    is sales-ready leave it as it is."""
    ready = weighed.score.get("sales_ready")
    if ready is None or ready == standing.sales_ready:
        return False
    standing.sales_ready = ready
    return True


def _score(standing: Standing, facts: Mapping[str, Any], model: CompiledModel, now: str) -> Weighed:
    weighed = _weigh(standing, facts, model, now)
    if weighed.turns_ms is not None or standing.turns_at is not None:
        _note_turn(standing, weighed)
    if model.account is not None:
        standing.account_key = account_key(facts)
    return _tell(standing, weighed, now)


def weigh_stored(standing: Standing, model: CompiledModel, *, now: str) -> Weighed:
    """What rules make of what is stored, as of an instant. Nothing is changed by it, and nobody told."""
    return _weigh(standing, model.see(standing.lead), model, now)


def _weigh(standing: Standing, facts: Mapping[str, Any], model: CompiledModel, now: str) -> Weighed:
    if not standing.logs and not model.may_cool:
        return weigh(facts, model)
    instant = datetime.fromisoformat(now)
    came = None if standing.origin is None else received_at(standing.origin)
    deeds = union((standing.logs or {}).values())
    return weigh_at(facts, model, deeds, now_ms=ms_of(instant), came_ms=ms_of(came or instant))


def _note_turn(standing: Standing, weighed: Weighed) -> None:
    turns_at = None if weighed.turns_ms is None else instant_of(weighed.turns_ms)
    if turns_at != standing.turns_at:
        standing.turns_at = turns_at
        standing.changed = True


def _tell(standing: Standing, weighed: Weighed, now: str) -> Weighed:
    standing.score = weighed.json_at(now)
    standing.score_version += 1
    standing.changed = True
    return weighed


def _said(score: Mapping[str, Any]) -> tuple[Any, ...]:
    """What a score says, whatever the evidence: one that says the same is not told again."""
    points = [(each["rule"], each["points"]) for each in score["contributions"]]
    sums = (score["value"], score["fit"], score["engagement"], score.get("persona"), score.get("models"))
    return (*sums, *labels_of(score), points, score["rules"]["version"])
