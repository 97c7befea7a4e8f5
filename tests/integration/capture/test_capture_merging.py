"""A pair that people are asked about, merged and taken apart again, over HTTP."""

from typing import Any

import httpx
import orjson
import pytest

from tests.support.capture import ADMIN_KEY, until

pytestmark = [pytest.mark.stack, pytest.mark.processes]

ADMIN = {"authorization": f"Bearer {ADMIN_KEY}"}
NAMED = {"first_name": "Ann", "last_name": "Lee", "company": {"name": "Acme"}}
NOBODY = "00000000-0000-4000-8000-000000000000"


async def became(client: httpx.AsyncClient, **fields: Any) -> str:
    """The lead that a submission became."""
    sent = await client.post("/v1/leads", content=orjson.dumps(fields), headers={"content-type": "application/json"})
    assert sent.status_code == 202, sent.text

    async def look() -> str | None:
        receipt = (await client.get(f"/v1/receipts/{sent.json()['receipt_id']}")).json()
        return receipt.get("lead_id") if receipt["status"] != "accepted" else None

    found: str = await until(look, "the receipt names the lead")
    return found


async def change(client: httpx.AsyncClient, path: str, **wanted: str) -> dict[str, Any]:
    """What became of a command."""
    answer = await client.post(path, json={"reason": "called her", **wanted}, headers=ADMIN)
    assert answer.status_code in (200, 202, 409), answer.text

    async def look() -> dict[str, Any] | None:
        command = await client.get(f"/v1/commands/{answer.json()['command_id']}", headers=ADMIN)
        return command.json() if command.status_code == 200 and command.json()["status"] != "pending" else None

    found: dict[str, Any] = await until(look, "the command is completed")
    return found


async def test_a_pair_is_merged_and_taken_apart_again(capture: httpx.AsyncClient) -> None:
    one = await became(capture, email="ann.lee@acme.example", title="CEO", **NAMED)
    two = await became(capture, email="ann77@gmail.com", **NAMED)
    assert one != two
    (pair,) = (await capture.get("/v1/duplicates", headers=ADMIN)).json()["duplicates"]
    assert {pair["lead_id"], pair["other_id"]} == {one, two}
    path = f"/v1/duplicates/{pair['pair_id']}"
    shown = (await capture.get(path, headers=ADMIN)).json()
    assert sorted(lead["email"] for lead in shown["leads"]) == ["ann.lee@acme.example", "ann77@gmail.com"]
    assert (await change(capture, f"{path}/merge", winner_id=NOBODY))["reason"] == "not_of_the_pair"

    done = await change(capture, f"{path}/merge", winner_id=two)
    assert (done["status"], done["result"]["winner_id"], done["result"]["loser_id"]) == ("done", two, one)
    assert (await change(capture, f"{path}/merge"))["reason"] == "already_merged"
    assert (await capture.get("/v1/duplicates", headers=ADMIN)).json()["duplicates"] == []
    assert await became(capture, email="ann.lee@acme.example") == two

    undone = await change(capture, f"/v1/leads/{one}/unmerge", merge_id=done["result"]["merge_id"])
    assert (undone["status"], undone["result"]["loser_id"]) == ("done", one)
    again = await change(capture, f"/v1/leads/{one}/unmerge", merge_id=done["result"]["merge_id"])
    assert again["reason"] == "already_unmerged"
    assert await became(capture, email="ann.lee@acme.example") == one
    assert await became(capture, email="ann77@gmail.com") == two
    assert (await capture.get("/v1/duplicates", headers=ADMIN)).json()["duplicates"] == [], "not asked about again"


async def test_only_who_may_change_leads_decides_pairs(capture: httpx.AsyncClient) -> None:
    for path in (f"/v1/duplicates/{NOBODY}/merge", f"/v1/duplicates/{NOBODY}/keep", f"/v1/leads/{NOBODY}/unmerge"):
        assert (await capture.post(path, json={"reason": "x"})).status_code == 403
        assert (await capture.post(path, json={}, headers=ADMIN)).status_code == 422
    assert (await change(capture, f"/v1/duplicates/{NOBODY}/merge"))["reason"] == "unknown_pair"
    assert (await capture.get("/v1/duplicates/nonsense", headers=ADMIN)).status_code == 404
