"""Journeys for tests of handlers: what the lane is told, what it told, and a desk that sends."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import orjson

from services.scoring.journeys.adapters.models import active_journeys
from services.scoring.journeys.domain.rendering import Rendered
from services.scoring.journeys.sending import Sending
from services.scoring.settings import ScoringSettings
from shared.contracts.catalog import EVENTS
from shared.contracts.topics import JOURNEYS
from shared.handling.outcomes import Produced, Skipped
from shared.handling.records import Record
from shared.persistence.timers import DueTimer
from shared.runtime.service import Service
from shared.runtime.sweeper import command_of
from tests.support.scoring import Log, ScoringLane, lead_id

RULES = """
kind: journeys
name: test
caps: [{channel: email, most: 2, days: 7}]
journeys:
  - id: welcome
    segment: nurture
    again_after_days: 90
    steps:
      - {id: hello, send: {channel: email, subject: Hi, text: 'Hello {first_name}'}}
      - {id: pause, wait: {days: 3}}
      - {id: opened, branch: {when: {field: did.mail.opened, gte: 1}, then: gift, else: bye}}
      - {id: gift, offer: {channel: email, text: 'Code {code}', valid_days: 30}}
      - {id: bye, end: true}
"""


def segment(log: Log, n: int, what: str = "entered", segment: str = "nurture", **said: str) -> Record:
    value = orjson.dumps({"lead_id": lead_id(n), "segment": segment, **said})
    return log.record(JOURNEYS, f"segment.{what}", value, key=lead_id(n))


def told(outcome: Any) -> list[tuple[str, str]]:
    """(step, action), each event checked against its contract."""
    if isinstance(outcome, Skipped):
        return []
    assert isinstance(outcome, Produced), outcome
    steps = []
    for event in outcome.events:
        assert (event.topic, event.envelope.type) == (JOURNEYS, "journey.advanced")
        data = cast(Any, EVENTS["journey.advanced"].model_validate_json(event.data, strict=True))
        steps.append((data.step, data.action))
    return steps


def published(log: Log, outcome: Any) -> list[Record]:
    """What went out, as the lane reads it again."""
    return [log.record(JOURNEYS, each.envelope.type, each.data, key=each.key.decode()) for each in outcome.events]


async def due(lane: ScoringLane, log: Log) -> list[Record]:
    rows = await lane.fetch(
        "SELECT timer_id::text, generation, kind, subject::text, due_at, payload FROM timers WHERE kind LIKE 'journey.%'"
    )
    timers = [DueTimer._make((*list(row.values())[:5], row["payload"].encode())) for row in rows]
    return [sent(log, timer) for timer in sorted(timers, key=lambda each: each.due_at) if timer.due_at <= lane.now]


def sent(log: Log, timer: DueTimer) -> Record:
    raw = command_of(timer, "scoring")
    event_id = dict(raw.headers)["ce_id"].decode()
    return log.record("scoring.commands.v1", timer.kind, raw.value, subject=timer.subject)._replace(event_id=event_id)


async def nurtured(lane: ScoringLane, log: Log, n: int = 1, **facts: Any) -> None:
    """A lead in the default segment `nurture`."""
    await lane.settle(log.captured(n, state="lead", **facts))
    (outcome,) = await lane.settle_segments(log.scored(n))
    assert b'"nurture"' in b"".join(event.data for event in outcome.events)


async def begun(lane: ScoringLane, log: Log, n: int = 1, **facts: Any) -> Any:
    await nurtured(lane, log, n, **facts)
    (outcome,) = await lane.settle_journeys(segment(log, n))
    return outcome


async def states(lane: ScoringLane) -> list[tuple[str, str | None]]:
    rows = await lane.fetch("SELECT state, reason FROM journey_runs ORDER BY entered_at, run_id")
    return [(row["state"], row["reason"]) for row in rows]


async def sends(lane: ScoringLane) -> list[tuple[str, str | None, int]]:
    rows = await lane.fetch("SELECT state, reason, attempts FROM journey_sends ORDER BY decided_at, step")
    return [(row["state"], row["reason"], row["attempts"]) for row in rows]


class Desk:
    """Sends what is due to a channel of a test's own, which may say no."""

    def __init__(self, lane: ScoringLane, folder: Path) -> None:
        self.got: list[Rendered] = []
        self.says: BaseException | None = None
        service = cast(Service, SimpleNamespace(database=lane.database, clock=lambda: lane.now))
        self.sending = Sending(service, active_journeys(), {}, ScoringSettings(channels_folder=folder))
        self.sending._sinks["email"] = self

    async def deliver(self, message: Rendered) -> None:
        self.got.append(message)
        if self.says is not None:
            raise self.says
