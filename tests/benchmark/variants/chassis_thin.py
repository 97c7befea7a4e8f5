"""The product's own delivery path with a thin read model: the lead's own bytes are passed on, as the services do it."""

import os
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec
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


class _Parts(msgspec.Struct, gc=False):
    lead: msgspec.Raw
    lead_version: int
    origin: msgspec.Raw


_parts_of: Final = msgspec.json.Decoder(_Parts).decode


class ThinCapture(NamedTuple):
    """What the hop reads, and all that it passes on as it came."""

    lead: dict[str, Any]
    lead_json: bytes
    lead_version: int
    origin_json: bytes

    @classmethod
    def model_validate_json(cls, value: bytes) -> "ThinCapture":
        """The event. Raises pydantic's ValidationError for what is none."""
        try:
            parts = _parts_of(value)
            lead_json, origin_json = bytes(parts.lead), bytes(parts.origin)
            lead = orjson.loads(lead_json)
        except (msgspec.DecodeError, orjson.JSONDecodeError):
            return _validated(value)
        if type(lead) is dict and is_id(lead.get("lead_id")) and origin_json.startswith(b"{"):
            return cls(lead, lead_json, parts.lead_version, origin_json)
        return _validated(value)


def _validated(value: bytes) -> ThinCapture:
    """Of what may be no event at all."""
    read = CapturedLead.model_validate_json(value)
    return ThinCapture(read.lead, orjson.dumps(read.lead), read.lead_version, orjson.dumps(read.origin))


def thin_scored_bytes(event: ThinCapture) -> bytes:
    """What `scored_bytes` makes of the whole event."""
    score, grade = score_of(event.lead)
    parts = (event.lead_json, event.lead_version, event.origin_json, score, grade.encode())
    return b'{"lead":%b,"lead_version":%d,"origin":%b,"score":%d,"grade":"%b"}' % parts


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
