"""Segments for tests: rules, what outcomes moved, and the timers of the lane, fired as the sweeper does it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import orjson

from services.scoring.segments.handlers.due import NAMED, NOBODY
from shared.contracts.catalog import EVENTS
from shared.contracts.topics import JOURNEYS
from shared.handling.outcomes import Produced, Skipped
from shared.handling.records import Record
from shared.messaging.timers import NOT_LIVE
from shared.persistence.timers import DueTimer
from shared.runtime.sweeper import command_of
from tests.support.scoring import Log, ScoringLane, lead_id, scoring_lane

SEGMENTS = """
kind: segments
name: test
counts: {prices: {kinds: [page.viewed], category: pricing, days: 30}}
segments:
  - {id: keen, when: {field: activity.prices, gte: 2}}
  - {id: chiefs, when: {field: title, eq: CEO}}
  - {id: later, when: {field: interest.class, eq: not_now}}
  - {id: back, when: {field: interest.reason, eq: resumed}}
"""
PRICING: dict[str, Any] = {"category": "pricing"}


@asynccontextmanager
async def segments_lane_on(dsn: str) -> AsyncIterator[ScoringLane]:
    """The lanes of scoring on its database, with these rules live."""
    async with scoring_lane(dsn) as made:
        (published,) = await made.settle(Log(1_000_000).publish(SEGMENTS, kind="segments", command=99))
        assert published.outcome == "done", published
        await made.fetch("DELETE FROM timers")  # the recount that follows has nobody to look at
        yield made


def moves(outcome: Any) -> list[tuple[str, str]]:
    """(what happened, segment), each event checked against its contract."""
    if isinstance(outcome, Skipped):
        return []
    assert isinstance(outcome, Produced), outcome
    told = []
    for event in outcome.events:
        assert event.topic == JOURNEYS
        data = EVENTS[event.envelope.type].model_validate_json(event.data, strict=True)
        told.append((event.envelope.type, getattr(data, "segment", "")))
    return told


async def members(lane: ScoringLane, n: int) -> list[str]:
    rows = await lane.fetch(f"SELECT members FROM segment_leads WHERE lead_id = '{lead_id(n)}'")
    return sorted(orjson.loads(rows[0]["members"])) if rows else []


async def fire(lane: ScoringLane, log: Log, *, until: Any = None) -> list[Any]:
    """What the lane makes of the timers that are due, as the sweeper sends them, and of the looks that these name."""
    rows = await lane.fetch("SELECT timer_id::text, generation, kind, subject::text, due_at, payload FROM timers")
    rows = [row for row in rows if row["kind"].startswith(("segments.", "interest."))]
    due = [DueTimer._make((*list(row.values())[:5], row["payload"].encode())) for row in rows]
    due = sorted((each for each in due if each.due_at <= (until or lane.now)), key=lambda each: each.due_at)
    outcomes = await lane.settle_segments(*(sent(log, each) for each in due)) if due else []
    looks = named(log, outcomes)
    others = [each for each in outcomes if not is_of_page(each)]
    return others + (await lane.settle_segments(*looks) if looks else [])


def is_of_page(outcome: Any) -> bool:
    """Whether an outcome is that of a page of looks."""
    return outcome in (Skipped(NOBODY), Skipped(NOT_LIVE)) or (
        isinstance(outcome, Produced) and outcome.outcome == NAMED
    )


def named(log: Log, outcomes: Sequence[Any]) -> list[Record]:
    """The commands that pages of looks have made."""
    events = [
        event for each in outcomes if isinstance(each, Produced) and each.outcome == NAMED for event in each.events
    ]
    records = [
        log.record(event.topic, event.envelope.type, event.data, key=event.key.decode(), subject=event.envelope.subject)
        for event in events
    ]
    return [record._replace(event_id=event.envelope.event_id) for record, event in zip(records, events, strict=True)]


def sent(log: Log, timer: DueTimer) -> Record:
    raw = command_of(timer, "scoring")
    headers = {name: value.decode() for name, value in raw.headers}
    record = log.record("scoring.commands.v1", timer.kind, raw.value, subject=headers["ce_subject"])
    return record._replace(event_id=headers["ce_id"])


async def timers_of(lane: ScoringLane, kind: str) -> list[DueTimer]:
    rows = await lane.fetch(
        f"SELECT timer_id::text, generation, kind, subject::text, due_at, payload FROM timers WHERE kind = '{kind}'"
    )
    return [DueTimer._make((*list(row.values())[:5], row["payload"].encode())) for row in rows]
