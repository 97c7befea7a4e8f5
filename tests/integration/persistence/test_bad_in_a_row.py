"""Twenty bad records in a row stop a lane; one that is tried again and again is one."""

from collections.abc import Sequence
from typing import Any

import pytest

from shared.contracts import ids
from shared.contracts.topics import CAPTURED
from shared.handling.records import Record
from shared.messaging.settling import BAD_IN_A_ROW, EverythingBad, Settling
from shared.messaging.subscription import Handled, Subscription
from shared.persistence.database import Database, create_engine
from tests.support.timer_hop import START

pytestmark = pytest.mark.stack


async def fail(_items: Sequence[Any], _work: Any) -> Sequence[Any]:
    raise ZeroDivisionError("a bug in the handler")


def record(n: int) -> Record:
    topic_id = "11111111-2222-4333-8444-555555555555"
    event_id = ids.derive(ids.EVENTS, str(n))
    return Record(
        topic=CAPTURED, topic_id=topic_id, partition=0, offset=n, key=b"key", value=b"{}", headers=(), timestamp=0,
        event_id=event_id, type="lead.captured", subject="", source="test", time="2026-01-05T10:00:00Z",
    )  # fmt: skip


async def test_a_record_that_is_tried_again_is_no_further_one(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.messaging.settling._PAUSE_S", 0.0)
    database = Database(create_engine(dsn, "scoring"))
    lane = Subscription("hop", (CAPTURED,), {"lead.captured": Handled(fail)}, decisions=False)
    settling = Settling(lane, "hop", database, lambda: START)
    try:
        for _ in range(BAD_IN_A_ROW + 1):  # its dead letter cannot be published, say
            (settled,) = await settling.settle([record(0)], {})
            assert settled.outcome is not None
        for n in range(1, BAD_IN_A_ROW - 1):
            await settling.settle([record(n)], {})
        with pytest.raises(EverythingBad, match=f"{BAD_IN_A_ROW} unexpected"):
            await settling.settle([record(BAD_IN_A_ROW)], {})
    finally:
        await database.dispose()
