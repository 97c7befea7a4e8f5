"""The product's own delivery path with a thin read model: the lead's own bytes are passed on, as the services do it."""

import os
import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import orjson
from fastapi import FastAPI

from shared.contracts.ids import is_id
from shared.contracts.topics import CAPTURED, SCORED
from shared.handling.outcomes import InHand, Outcome, Produced, Stage
from shared.handling.work import Work
from shared.messaging.subscription import Handled, Subscription
from shared.runtime.http import create_http, serve
from shared.runtime.service import Service
from shared.runtime.settings import ServiceSettings
from tests.benchmark.gauge import Gauge
from tests.benchmark.leads import CapturedLead, score_of
from tests.benchmark.variants.place import GROUP_VARIABLE

STAGE: Final = Stage("scoring")
_BEFORE: Final = re.compile(rb'\{"outcome":"[a-z_]+","lead":')
_LEAD: Final = b'"lead":'
_VERSION: Final = b',"lead_version":'


class ThinCapture(NamedTuple):
    """What the hop reads, and all from the lead on as it came."""

    lead: dict[str, Any]
    from_lead_on: bytes

    @classmethod
    def model_validate_json(cls, value: bytes) -> "ThinCapture":
        """The event. Raises pydantic's ValidationError for what is none."""
        return _as_written(value) or _validated(value)


def _as_written(value: bytes) -> ThinCapture | None:
    """Of JSON as capture writes it. Cut rightly when the parts are JSON by themselves, and the lead is followed by its
    version and its origin, nothing else."""
    before, end = _BEFORE.match(value), value.rfind(_VERSION)
    if before is None:
        return None
    try:
        lead, behind = orjson.loads(value[before.end() : end]), orjson.loads(b"{" + value[end + 1 :])
    except orjson.JSONDecodeError:
        return None
    right = list(behind) == ["lead_version", "origin"]
    right = right and type(behind["lead_version"]) is int and type(behind["origin"]) is dict
    right = right and type(lead) is dict and is_id(lead.get("lead_id"))
    return ThinCapture(lead, value[before.end() - len(_LEAD) :]) if right else None


def _validated(value: bytes) -> ThinCapture:
    read = CapturedLead.model_validate_json(value)
    passed_on = {"lead": read.lead, "lead_version": read.lead_version, "origin": read.origin}
    return ThinCapture(read.lead, orjson.dumps(passed_on)[1:])


def thin_scored_bytes(event: ThinCapture) -> bytes:
    """What `scored_bytes` makes of the whole event, its members in another order."""
    score, grade = score_of(event.lead)
    return b'{"score":%d,"grade":"%b",%b' % (score, grade.encode(), event.from_lead_on)


class ScoreThinLeads:
    """The use case."""

    def __init__(self, gauge: Gauge) -> None:
        self._gauge = gauge

    async def __call__(self, items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        self._gauge.take(len(items))
        instant = work.instant
        return [_scored(item, item.decision.decided_at if item.decision else instant) for item in items]


def _scored(item: InHand, at: str) -> Outcome:
    lead_id = item.event.lead["lead_id"]
    data = thin_scored_bytes(item.event)
    event = STAGE.event(item.record, "lead.scored", topic=SCORED, key=lead_id, data=data, time=at)
    return Produced("scored", (event,), subject=lead_id)


def build_app() -> FastAPI:
    """The hop as a service."""
    settings = ServiceSettings()
    service = Service("scoring", settings, publishes=[SCORED])
    service.subscriptions.append(
        Subscription(
            os.environ[GROUP_VARIABLE],
            (CAPTURED,),
            {"lead.captured": Handled(ScoreThinLeads(Gauge.from_environment()), ThinCapture)},
            decisions=False,
            max_records=settings.max_records,
        )
    )
    return create_http(service)


if __name__ == "__main__":
    serve(build_app)
