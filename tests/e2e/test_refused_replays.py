"""Refused submissions, mended and replayed: a lead under the old id and time, once however often asked, books balanced."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from shared.contracts.topics import CAPTURED, INBOUND, INBOUND_BULK
from shared.messaging import admin
from shared.messaging.rereading import Coordinates, read_again
from tests.e2e.conftest import Product, product_on
from tests.support.stack import Servers
from tests.support.topics import produce, read_to_end
from tests.support.waiting import eventually

pytestmark = [pytest.mark.stack, pytest.mark.processes, pytest.mark.timeout(300)]
_TIME = "2026-01-05T10:00:00Z"


@pytest.fixture
async def two(own: Servers, tmp_path: Path) -> AsyncIterator[Product]:
    async with product_on(own, tmp_path, ["capture", "reporting"]) as made:
        yield made


def row(name: str, value: bytes, *more: tuple[str, bytes]) -> tuple[bytes, bytes, list[tuple[str, bytes]]]:
    return name.encode(), value, [("ce_source", b"fair"), ("ce_id", name.encode()), ("ce_time", _TIME.encode()), *more]


async def test_refused_rows_are_mended_and_replayed_once(two: Product) -> None:
    damaged = (("content-type", b"text/csv"), ("ls_damage", b"damaged_row"), ("ls_row", b"3"))
    bad_phone = orjson.dumps({"email": "ann@example.com", "phone": {"no": "text"}})
    records = [
        row("nobody", b'{"first_name": "Ann"}'),
        row("phone", bad_phone),
        row("fine", b'{"email": "x@y.example"}'),
    ]
    await produce(two.servers, INBOUND, records)
    await produce(two.servers, INBOUND_BULK, [row("damaged", b'"no end,', *damaged)])
    before = await two.quiet(4)
    assert (before["received"], before["new"], before["rejected"]) == (4, 1, 3)
    refused = {each["reason"]: each for each in await _refused(two)}
    assert set(refused) == {"no_identifier", "invalid_type", "damaged_row"}

    # As they were they are refused once more; each mended three times at once, one of them is applied.
    again = await _replay(two, refused["no_identifier"]["id"])
    assert (again["result"]["outcome"], again["result"]["outcome_reason"]) == ("rejected", "no_identifier")
    for reason, letter in refused.items():
        value = orjson.dumps({"email": f"{reason.replace('_', '-')}@example.com"}).decode()
        answers = await asyncio.gather(*(_replay(two, letter["id"], value=value, note="mended") for _ in range(3)))
        assert Counter(each["status"] for each in answers) == {"done": 1, "refused": 2}, answers
        assert {each["reason"] for each in answers if each["status"] == "refused"} == {"already_applied"}

    after = await two.quiet(4)
    assert (after["received"], after["new"], after["rejected"], after["replayed"]) == (4, 4, 0, 3)
    ledger = (await two.get("reporting", "/v1/ledger")).json()
    assert (ledger["doubles"], [each for each in ledger["problems"] if "did not arrive" not in each]) == (0, [])
    captured = [orjson.loads(each.value or b"") for each in await read_to_end(two.servers, CAPTURED)]
    assert len(captured) == 4
    assert {each["lead"]["first_touch"]["occurred_at"] for each in captured} == {_TIME}
    mended = next(each for each in captured if each["lead"]["email"] == "no-identifier@example.com")
    receipt = await two.receipt(mended["origin"]["receipt_id"])
    assert (receipt["status"], receipt["lead_id"]) == ("new", mended["lead"]["lead_id"])


async def test_records_are_read_again_by_their_coordinates(own: Servers) -> None:
    records = [row(str(n), b"%d" % n) for n in range(20)]
    await produce(own, INBOUND, records, partition=1)
    topic_id = (await admin.describe(own.kafka, own.names, [INBOUND]))[INBOUND].topic_id
    there = [Coordinates(topic_id, 1, offset) for offset in (19, 3, 3, 0)]
    gone = [Coordinates(topic_id, 1, 20), Coordinates(topic_id, 99, 0), Coordinates(topic_id.replace("-", "_"), 1, 0)]
    found = await read_again(own.kafka, own.names, [INBOUND, INBOUND_BULK], [*there, *gone])
    assert {place.offset: (each.topic, each.key, each.value) for place, each in found.items()} == {
        n: (INBOUND, str(n).encode(), b"%d" % n) for n in (0, 3, 19)
    }
    assert found[there[0]].headers == records[19][2]


async def _refused(product: Product) -> list[dict[str, Any]]:
    found = (await product.get("reporting", "/v1/dead-letters?state=refused")).json()
    letters: list[dict[str, Any]] = found["dead_letters"]
    return letters


async def _replay(product: Product, letter_id: str, **body: Any) -> dict[str, Any]:
    """What became of it; asked again by its command id where it was not done in time."""
    answer = await product.post("reporting", f"/v1/dead-letters/{letter_id}/replay", json=body)
    assert answer.status_code in (200, 202, 409), answer.text

    async def completed() -> dict[str, Any] | None:
        found: dict[str, Any] = (await product.get("reporting", answer.headers["Location"])).json()
        return found if found["status"] != "pending" else None

    if answer.status_code != 202:
        done: dict[str, Any] = answer.json()
        return done
    return await eventually(completed, "the replay is done")
