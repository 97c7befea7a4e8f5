"""What somebody does, from HTTP to the score that sales reads, through real processes."""

from typing import Any

import orjson
import pytest

from shared.contracts.topics import SCORED
from tests.e2e.conftest import HOT, SOURCE_KEY, Product
from tests.support.topics import read_to_end
from tests.support.waiting import eventually

pytestmark = [pytest.mark.stack, pytest.mark.processes]


async def did(product: Product, event_id: str, kind: str, **said: Any) -> None:
    event = {"kind": kind, "id": event_id, "email": HOT["email"], **said}
    answer = await product.post("capture", "/v1/events?source=website", key=SOURCE_KEY, json=event)
    assert answer.status_code == 202, answer.text


async def test_behaviour_scores_explains_itself_and_makes_a_lead_ready_once(product: Product) -> None:
    await did(
        product, "seen", "page.viewed", properties={"url": "https://shop.example/pricing"}
    )  # before anybody knows who
    receipt = await product.receipt((await product.send_lead(HOT)).json()["receipt_id"])
    lead_id = receipt["lead_id"]
    for _ in range(2):  # twice: the same form
        await did(product, "form", "form.submitted", properties={"form": "demo"})
    agent = "Mozilla/5.0 (compatible; Googlebot/2.1)"
    await did(product, "bot", "page.viewed", properties={"url": "https://shop.example/", "user_agent": agent})

    async def engaged() -> dict[str, Any] | None:
        answer = await product.get("scoring", f"/v1/leads/{lead_id}/score")
        score: dict[str, Any] = answer.json().get("score", {}) if answer.status_code == 200 else {}
        return score if score.get("engagement") == 30 else None

    score = await eventually(engaged, "the form and the prices count", within=60, every=0.3)
    counted = {each["rule"]: each["points"] for each in score["contributions"] if each["axis"] == "engagement"}
    assert counted == {"prices": 10, "form": 20}
    assert (score["matrix"], score["sales_ready"]) == ("A3", True)

    async def reported() -> bool:
        shown = (await product.get("reporting", f"/v1/leads/{lead_id}")).json()
        return bool(shown.get("score") and shown["score"]["value"] == score["value"])

    await eventually(reported, "the report shows the same", within=60, every=0.3)
    told = [
        record
        for record in await read_to_end(product.servers, SCORED)
        if ("ce_type", b"readiness.changed") in record.headers
    ]
    assert [orjson.loads(record.value or b"")["sales_ready"] for record in told] == [True]
