"""Quix Streams with its exactly-once guarantee, as its documentation shows it. Needs the `bench` extra."""

import os
import tempfile
from typing import Any

from tests.benchmark.gauge import Gauge
from tests.benchmark.leads import CapturedLead, scored_bytes
from tests.benchmark.variants.place import Place


def main() -> None:
    """Run until told to stop: Quix Streams ends by itself on SIGTERM."""
    from quixstreams import Application

    place, gauge = Place.from_environment(), Gauge.from_environment()
    app = Application(
        broker_address=place.bootstrap,
        consumer_group=place.group,
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        auto_create_topics=False,
        loglevel="WARNING",
        state_dir=tempfile.mkdtemp(prefix="bench-quix-"),
        commit_interval=float(os.environ.get("LEADSTREAM_BENCH_COMMIT_S", "1.0")),
    )
    source = app.topic(place.source, value_deserializer="bytes")
    target = app.topic(place.target, value_serializer="bytes")

    def score(value: Any) -> bytes:
        gauge.take(1)
        return scored_bytes(CapturedLead.model_validate_json(value))

    frame = app.dataframe(source)
    frame = frame.apply(score)
    frame.to_topic(target)
    app.run()


if __name__ == "__main__":
    main()
