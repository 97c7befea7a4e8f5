"""Announced leads on a real Postgres: noted once, leased once, withdrawn for good, and erased where they were made."""

from datetime import timedelta
from typing import Any

import orjson
import pytest

from services.capture.adapters.postgres.announced import PostgresAnnouncedBook, announced_counts, announced_leads
from services.capture.ports import Announced
from shared.contracts.topics import CAPTURE_COMMANDS
from shared.handling.outcomes import Produced
from shared.handling.records import Record
from tests.support.capture import NOW, Bench, record

pytestmark = pytest.mark.stack

BOOK = PostgresAnnouncedBook()


def command(offset: int, record_type: str, provider_id: str, **more: Any) -> Record:
    value = {"source": "ads", "provider_id": provider_id, **more}
    return record(offset, value, topic=CAPTURE_COMMANDS, record_type=record_type, ce_id=f"{record_type}-{offset}")


def fetch(offset: int, provider_id: str) -> Record:
    return command(offset, "lead.fetch", provider_id, notification='{"n": 1}', occurred_at="2026-02-28T08:49:14Z")


async def lease(bench: Bench, later_s: float = 0.0) -> list[Announced]:
    async with bench.database.transaction(NOW + timedelta(seconds=later_s)) as work:
        return list(await BOOK.lease(work, until=work.now + timedelta(seconds=90), most=10))


async def test_an_announcement_is_noted_once_and_leased_to_one(bench: Bench) -> None:
    await bench.settle(fetch(0, "1"), fetch(1, "1"), fetch(2, "2"))
    first = await lease(bench)
    assert sorted(each.provider_id for each in first) == ["1", "2"]
    assert first[0].notification == '{"n": 1}'
    assert await lease(bench, 89) == []
    assert len(await lease(bench, 91)) == 2  # who had leased them is gone
    async with bench.database.transaction(NOW) as work:
        await BOOK.settle(work, first[0], "done", None)
        await BOOK.postpone(work, first[1], NOW + timedelta(hours=1), "http_500")
    assert await lease(bench, 3599) == []
    (again,) = await lease(bench, 3601)
    assert (again.provider_id, again.attempts) == (first[1].provider_id, 1)
    await bench.settle(fetch(3, first[0].provider_id))
    assert await lease(bench, 3602) == []  # it was fetched


async def test_what_was_announced_is_listed_and_each_is_somewhere(bench: Bench) -> None:
    await bench.settle(*(fetch(n, str(n)) for n in range(4)), command(5, "lead.withdraw", "3"))
    leased = {each.provider_id: each for each in await lease(bench)}
    async with bench.database.transaction(NOW) as work:
        await BOOK.settle(work, leased["0"], "done", None)
        await BOOK.settle(work, leased["1"], "failed", "gone")
        counts = await announced_counts(work)
        waiting = await announced_leads(work, source="ads", state="pending", limit=10)
        assert await announced_counts(work, "another") == []
    assert counts == [{"source": "ads", "announced": 4, "pending": 1, "done": 1, "failed": 1, "withdrawn": 1}]
    assert [row["provider_id"] for row in waiting] == ["2"]


async def test_a_withdrawn_lead_is_fetched_no_more_and_erased_where_it_was_made(bench: Bench) -> None:
    made = {"external_id": "1", "email": "ann@example.com"}
    await bench.settle(record(0, made, source="ads", ce_id="1"), fetch(0, "1"), fetch(1, "2"))
    (receipt,) = await bench.receipts()
    settled = await bench.settle(command(2, "lead.withdraw", "1"), command(3, "lead.withdraw", "2"))
    known, unknown = [one.outcome for one in settled]
    assert isinstance(known, Produced) and isinstance(unknown, Produced)
    for outcome, lead_id in ((known, receipt["lead_id"]), (unknown, "")):
        erasure = outcome.events[0]
        assert (erasure.topic, erasure.envelope.type) == (CAPTURE_COMMANDS, "lead.erase")
        data = orjson.loads(erasure.data)
        assert (data["lead_id"], data["reason"]) == (lead_id, "source_deleted")
        assert len(data["keep_out"]) == 1
    assert await lease(bench) == []
    await bench.settle(fetch(4, "1"), fetch(5, "2"))  # announced once more, late
    assert await lease(bench, 10) == []
    again = await bench.settle(command(2, "lead.withdraw", "1"))
    assert again[0].outcome.events[0].envelope.event_id == known.events[0].envelope.event_id  # type: ignore[union-attr]


async def test_the_erasure_that_a_withdrawal_asks_for_is_obeyed(bench: Bench) -> None:
    await bench.settle(record(0, {"external_id": "1", "email": "ann@example.com"}, source="ads", ce_id="1"))
    (settled,) = await bench.settle(command(1, "lead.withdraw", "1"))
    assert isinstance(settled.outcome, Produced)
    erasure = settled.outcome.events[0]
    headers = (("content-type", b"application/json"),)
    asked = record(
        2, erasure.data, topic=CAPTURE_COMMANDS, record_type="lead.erase", ce_id="erase", headers=headers,
        subject=erasure.envelope.subject,
    )  # fmt: skip
    (obeyed,) = await bench.settle(asked)
    assert isinstance(obeyed.outcome, Produced) and obeyed.outcome.outcome == "done"
    rows = await bench.fetch("SELECT facts FROM leads")
    assert "ann@example.com" not in str(rows)
