"""FastStream as its documentation shows it: one message, one model in, one model out, defaults."""

import logging

import uvloop
from faststream import FastStream
from faststream.kafka import KafkaBroker

from tests.benchmark.gauge import Gauge
from tests.benchmark.leads import CapturedLead, ScoredLead, score_of
from tests.benchmark.variants.place import Place

place = Place.from_environment()
gauge = Gauge.from_environment()
broker = KafkaBroker(place.bootstrap)
app = FastStream(broker)


@broker.subscriber(place.source, group_id=place.group, auto_offset_reset="earliest")
@broker.publisher(place.target)
async def score_lead(event: CapturedLead) -> ScoredLead:
    gauge.take(1)
    score, grade = score_of(event.lead)
    return ScoredLead(lead=event.lead, lead_version=event.lead_version, origin=event.origin, score=score, grade=grade)


if __name__ == "__main__":
    uvloop.run(app.run(log_level=logging.WARNING))
