"""Quix Streams with its exactly-once guarantee. It needs an environment of its own (`requirements-bench.lock`).

Either with the handler of the other variants (bytes in, bytes out), or as its documentation shows it: JSON in, JSON out.
"""

import os
import tempfile
from collections.abc import Callable
from typing import Any, Final

from tests.benchmark.gauge import Gauge
from tests.benchmark.leads import CapturedLead, score_of, scored_bytes
from tests.benchmark.variants.place import Place

DOCUMENTED_VARIABLE: Final = "LEADSTREAM_BENCH_DOCUMENTED"
_COMMIT_S: Final = 1.0


def main() -> None:
    """Run until told to stop: Quix Streams ends by itself on SIGTERM."""
    from quixstreams import Application

    place, gauge = Place.from_environment(), Gauge.from_environment()
    documented = os.environ.get(DOCUMENTED_VARIABLE) == "1"
    form = "json" if documented else "bytes"
    app = Application(
        broker_address=place.bootstrap,
        consumer_group=place.group,
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        auto_create_topics=False,
        loglevel="WARNING",
        state_dir=tempfile.mkdtemp(prefix="bench-quix-"),
        commit_interval=_COMMIT_S,
    )
    frame = app.dataframe(app.topic(place.source, value_deserializer=form))
    frame = frame.apply(_counted(gauge, _documented if documented else _bytes))
    frame.to_topic(app.topic(place.target, value_serializer=form))
    gauge.begin()
    app.run()


def _counted(gauge: Gauge, make: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def score(value: Any) -> Any:
        gauge.take(1)
        return make(value)

    return score


def _bytes(value: Any) -> Any:
    return scored_bytes(CapturedLead.model_validate_json(value))


def _documented(value: Any) -> Any:
    event = CapturedLead.model_validate(value)
    score, grade = score_of(event.lead)
    return {**value, "score": score, "grade": grade}


if __name__ == "__main__":
    main()
