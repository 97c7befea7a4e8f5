"""A library that repeats itself is heard once in a while, and nothing that it was given is written."""

import logging

from structlog.testing import capture_logs

from shared.observability.logging import _Bridge


def _record(text: str, at: float, name: str = "aiokafka") -> logging.LogRecord:
    record = logging.LogRecord(name, logging.ERROR, "f.py", 1, text, ("ann@example.com",), None)
    record.created = at
    return record


def test_the_same_text_is_said_once_in_10_s_with_its_count() -> None:
    bridge = _Bridge()
    with capture_logs() as said:
        for at in range(1000):
            bridge.emit(_record("Unable connect to %s", 100 + at / 100))
        bridge.emit(_record("Another %s", 105))
        bridge.emit(_record("Unable connect to %s", 105, name="another"))
        bridge.emit(_record("Unable connect to %s", 110.1))
    assert [(one["event"], one["logger"], one.get("count")) for one in said] == [
        ("Unable connect to %s", "aiokafka", None),
        ("Another %s", "aiokafka", None),
        ("Unable connect to %s", "another", None),
        ("Unable connect to %s", "aiokafka", 1000),
    ]
    assert "ann@" not in str(said)


def test_texts_that_differ_every_time_do_not_fill_the_memory() -> None:
    bridge = _Bridge()
    with capture_logs() as said:
        for n in range(5000):
            bridge.emit(_record(f"text {n}", 100))
    assert len(said) == 5000
    assert len(bridge._said) <= 1001
