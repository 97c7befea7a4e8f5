"""FastStream's batches as its documentation shows them: a list of models in, a list of models out.

Two settings are not the defaults, because with them it does not work: a batch that is published must fit
`max_batch_size` (16 KiB by default), and `max_records` bounds what is handed over.
"""

import logging

import uvloop
from faststream import FastStream
from faststream.kafka import KafkaBroker

from tests.benchmark.gauge import Gauge
from tests.benchmark.leads import CapturedLead, ScoredLead, score_of
from tests.benchmark.variants.place import Place

place = Place.from_environment()
gauge = Gauge.from_environment()
broker = KafkaBroker(place.bootstrap, max_batch_size=1_048_576)
app = FastStream(broker)


@broker.subscriber(
    place.source, group_id=place.group, auto_offset_reset="earliest", batch=True, max_records=place.max_records
)
@broker.publisher(place.target, batch=True)
async def score_leads(events: list[CapturedLead]) -> list[ScoredLead]:
    gauge.take(len(events))
    return [_scored(event) for event in events]


def _scored(event: CapturedLead) -> ScoredLead:
    score, grade = score_of(event.lead)
    return ScoredLead(lead=event.lead, lead_version=event.lead_version, origin=event.origin, score=score, grade=grade)


if __name__ == "__main__":
    uvloop.run(app.run(log_level=logging.WARNING))
