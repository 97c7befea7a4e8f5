"""The benchmark's own checks: a wrong output is seen, figures are what the clocks say."""

from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from shared.contracts.events.capture import LeadCaptured
from tests.benchmark import gauge
from tests.benchmark.checking import Expected, Output, Row, check
from tests.benchmark.fleet import batches_in
from tests.benchmark.inbound import inbound_leads
from tests.benchmark.leads import EVENT_BYTES, CapturedLead, captured_events, score_of, scored_bytes

EXPECTED: Expected = {name: Row(name, 40, name.encode(), n) for n, name in enumerate(("a", "b", "c"))}
RIGHT = list(EXPECTED.values())


def test_a_right_output_has_no_faults() -> None:
    found = check(EXPECTED, Output(RIGHT, 0))
    assert found.faults == () and found.keys_kept and found.partitions_kept


@pytest.mark.parametrize(
    ("rows", "unreadable", "fault"),
    [
        (RIGHT[1:], 0, "1 lost"),
        ([*RIGHT, RIGHT[0]], 0, "1 duplicated"),
        ([*RIGHT, Row("x", 40, b"x", 0)], 0, "1 unknown"),
        ([replace(RIGHT[0], score=41), *RIGHT[1:]], 0, "1 scored wrongly"),
        (RIGHT, 2, "2 unreadable"),
    ],
)
def test_a_wrong_output_is_named(rows: list[Row], unreadable: int, fault: str) -> None:
    assert check(EXPECTED, Output(rows, unreadable)).faults == (fault,)


def test_lost_keys_and_partitions_are_seen() -> None:
    found = check(EXPECTED, Output([replace(RIGHT[0], key=None), replace(RIGHT[1], partition=5), RIGHT[2]], 0))
    assert not found.keys_kept and not found.partitions_kept and not found.faults


def test_events_are_real_ones_of_the_size_that_is_told() -> None:
    for _lead_id, value, _headers in captured_events(50):
        assert len(value) == EVENT_BYTES
        LeadCaptured.model_validate_json(value)
        event = CapturedLead.model_validate_json(value)
        assert orjson.loads(scored_bytes(event))["score"] == score_of(event.lead)[0]


def test_a_person_keeps_one_partition_and_some_leads_are_not_new() -> None:
    records = list(inbound_leads(2000, 6))
    places = {(record.key, record.partition) for record in records}
    assert len(places) == len({record.key for record in records}) < len(records)
    assert len({dict(record.headers)["ce_id"] for record in records}) < len(records)
    assert records == list(inbound_leads(2000, 6))


def test_a_gauge_measures_from_the_first_hand_over_to_the_last(tmp_path: Path) -> None:
    path = tmp_path / "gauge"
    gauge.prepare(path)
    assert gauge.read(path) == gauge.Reading()
    worker = gauge.Gauge(path, 30)
    for _ in range(3):
        worker.take(10)
    reading = gauge.read(path)
    assert (reading.handed, reading.times, reading.before_last) == (30, 3, 20)
    assert reading.last_at >= reading.first_at and reading.last_cpu >= reading.first_cpu


def test_figures_are_per_record_before_the_last_hand_over() -> None:
    reading = gauge.Reading(30, 3, 20, 0, 1_000_000, 2_000_000_000, 1_400_000)
    assert reading.rate == 10.0 and reading.cpu_us == 20.0


def test_batches_are_read_from_metrics() -> None:
    text = """# TYPE consumer_batch_size histogram
consumer_batch_size_count{group="a"} 2.0
consumer_batch_size_sum{group="a"} 300.0
# TYPE consumer_batch_seconds histogram
consumer_batch_seconds_sum{group="a",step="store"} 1.5
consumer_batch_seconds_sum{group="b",step="store"} 0.5
consumer_batch_seconds_sum{group="a",step="publish"} 0.25
"""
    found = batches_in([text, text])
    assert (found.records_each, found.storing, found.publishing) == (150.0, 4.0, 0.5)
