"""One lead from HTTP to the opportunity topic, through real processes."""

import pytest

from shared.contracts.events.conversion import OpportunityConverted
from shared.contracts.topics import CONVERTED
from tests.e2e.conftest import HOT, Product
from tests.support.topics import read_to_end
from tests.support.waiting import eventually

pytestmark = [pytest.mark.stack, pytest.mark.processes]


async def converted(product: Product) -> list[OpportunityConverted]:
    records = await read_to_end(product.servers, CONVERTED)
    return [OpportunityConverted.model_validate_json(record.value or b"") for record in records]


TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


async def test_a_hot_lead_becomes_one_explained_opportunity(product: Product) -> None:
    answer = await product.send_lead(HOT, traceparent=TRACE)
    assert answer.status_code == 202
    receipt = await product.receipt(answer.json()["receipt_id"])
    assert receipt["status"] == "new"
    lead_id = receipt["lead_id"]

    async def arrived() -> list[OpportunityConverted]:
        return await converted(product)

    [opportunity] = await eventually(arrived, "the opportunity is on its topic", within=30, every=0.2)
    assert opportunity.lead_id == lead_id
    assert opportunity.owner or opportunity.queue
    assert (opportunity.amount, opportunity.currency) == ("50000", "USD")
    assert opportunity.first_touch is not None
    assert opportunity.first_touch["gclid"] == "Tx9aBc"
    assert opportunity.score is not None
    score = opportunity.score
    assert sum(c.points for c in score.contributions) + score.clamp == score.value

    explained = (await product.get("scoring", f"/v1/leads/{lead_id}/score")).json()
    assert explained["score"]["value"] == score.value
    by_hand = await product.post("conversion", f"/v1/leads/{lead_id}/convert")
    assert by_hand.status_code == 200
    assert by_hand.json()["result"]["opportunity_id"] == opportunity.opportunity_id
    assert len(await converted(product)) == 1
    [record] = await read_to_end(product.servers, CONVERTED)
    assert dict(record.headers)["traceparent"] == TRACE.encode()


async def test_every_source_every_outcome_and_the_ledger(product: Product) -> None:
    first = await product.send_lead(HOT, **{"Idempotency-Key": "form-1"})
    again = await product.send_lead(HOT, **{"Idempotency-Key": "form-1"})
    assert again.json()["receipt_id"] == first.json()["receipt_id"]
    upper = await product.send_lead({**HOT, "email": HOT["email"].upper()})
    nobody = await product.send_lead({"first_name": "Nobody", "source": "website"})
    assert nobody.status_code == 422
    assert nobody.json()["code"] == "no_identifier"
    broken = await product.post(
        "capture",
        "/v1/leads?source=website",
        key="a-source-key-for-tests",
        content=b'{"email": "x@',
        headers={"Content-Type": "application/json"},
    )
    assert broken.status_code == 400
    assert (await product.receipt(first.json()["receipt_id"]))["status"] == "new"
    merged = await product.receipt(upper.json()["receipt_id"])
    assert (merged["status"], merged["reason"]) == ("merged", "email")
    rejected = await product.receipt(nobody.json()["receipt_id"])
    assert (rejected["status"], rejected["reason"]) == ("rejected", "no_identifier")
    totals = await product.quiet(5)
    assert totals["received"] == 5
    assert totals["new"] == 1
    assert totals["merged"] == 2
    assert totals["rejected"] == 2
    assert totals["dead_lettered"] == totals["quarantined"] == totals["test"] == 0


async def test_no_personal_data_in_logs_and_metrics(product: Product) -> None:
    canary = {
        **HOT,
        "email": "zyxcanary@northwind-robotics.example",
        "first_name": "Zyxcanary",
        "phone": "+14155559876",
        "message": "zyxcanary message",
    }
    await product.send_lead(canary)
    await product.send_lead({**canary, "budget": "zyxcanary"})
    await product.post(
        "capture",
        "/v1/leads?source=zyxsource",
        key="a-source-key-for-tests",
        content=b'{"email": "zyxcanary@x.example", ',
        headers={"Content-Type": "application/json"},
    )
    await product.quiet(3)
    for name, process in product.services.items():
        text = process.log.read_text().lower()
        assert "zyxcanary" not in text, f"{name} logs personal data"
        assert "4155559876" not in text
        metrics = (await product.get(name, "/metrics")).text.lower()
        assert "zyxcanary" not in metrics
        assert "4155559876" not in metrics
    for record in await read_to_end(product.servers, CONVERTED):
        assert b"zyx" not in (record.key or b"")
        assert not any(b"zyx" in (value or b"") for _, value in record.headers)
