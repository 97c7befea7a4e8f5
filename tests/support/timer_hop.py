"""A service whose timers fire: a process for the tests of the sweeper, and its tables."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import orjson
from fastapi import FastAPI

from shared.contracts import ids
from shared.contracts.commands.timers import TimerDue
from shared.contracts.topics import SCORED, SCORING_COMMANDS
from shared.handling.outcomes import InHand, Outcome, Produced, Stage
from shared.handling.work import Work
from shared.messaging.subscription import Handled, Subscription
from shared.messaging.timers import while_live
from shared.persistence.database import Database, create_engine
from shared.persistence.timers import Timer, set_timers
from shared.runtime.http import create_http, serve
from shared.runtime.service import Service
from shared.runtime.settings import ServiceSettings
from shared.runtime.sweeper import sweeping

STAGE = Stage("scoring")
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Ring(TimerDue):
    """The n-th bell rings."""

    TYPE: ClassVar[str] = "bell.ring"

    n: int


def subject(n: int) -> str:
    return ids.derive(ids.LEADS, str(n))


def bell(n: int, due_at: datetime | None = None) -> Timer:
    """The n-th bell, due n seconds after the start."""
    return Timer(Ring.TYPE, subject(n), due_at or START + timedelta(seconds=n), {"n": n})


async def ring(items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
    """Say which bells rang."""
    return [_rung(item, work) for item in items]


def _rung(item: InHand, work: Work) -> Outcome:
    at = item.decision.decided_at if item.decision else work.instant
    data = orjson.dumps({"n": item.event.n})
    event = STAGE.event(item.record, "lead.scored", topic=SCORED, key=subject(item.event.n), data=data, time=at)
    return Produced("rung", (event,), subject=subject(item.event.n))


def subscription() -> Subscription:
    return Subscription("bells", (SCORING_COMMANDS,), {Ring.TYPE: Handled(while_live(ring), Ring)})


def build_app() -> FastAPI:
    service = Service("scoring", ServiceSettings(), publishes=[SCORED])
    service.subscriptions.append(subscription())
    service.background.append(sweeping(service))
    return create_http(service)


def database(dsn: str) -> Database:
    return Database(create_engine(dsn, "scoring"))


async def set_bells(dsn: str, timers: Sequence[Timer], *, at_once: int = 5000) -> None:
    """Set timers, a slice a transaction."""
    opened = database(dsn)
    for start in range(0, len(timers), at_once):
        async with opened.transaction(START) as work:
            await set_timers(work, timers[start : start + at_once])
    await opened.dispose()


if __name__ == "__main__":
    serve(build_app)
