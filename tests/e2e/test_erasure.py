"""A person through every path, erased, and looked for everywhere: P12."""

import asyncio
import re
from typing import Any

import orjson
import pytest
import redis.asyncio as valkey

from shared.contracts.topics import CONVERTED, ERASED, SERVICES, TOPICS
from tests.e2e.conftest import HOT, SOURCE_KEY, Product
from tests.support.erasing import CANARY, remains
from tests.support.topics import read_to_end
from tests.support.waiting import eventually

pytestmark = [pytest.mark.stack, pytest.mark.processes, pytest.mark.timeout(300)]

EMAIL, PHONE, FIRST, LAST, SECRET = CANARY
PERSON = {
    **HOT, "email": EMAIL, "phone": PHONE, "first_name": FIRST, "last_name": LAST, "message": SECRET,
    "touch": {"utm_source": "google", "gclid": SECRET, "referrer": f"https://x.example/?{EMAIL}"},
    "consent": {"marketing_email": True, "text": f"{FIRST} agrees"}, "extra": {"pet": SECRET},
}  # fmt: skip
# The very bytes that came in, and what passes a lead on: kept 14 days. Everything else must hold nothing at once.
BOUNDED = {name for name, topic in TOPICS.items() if topic.personal and not topic.compacted}


async def sent(product: Product, lead: dict[str, Any], **headers: str) -> dict[str, Any]:
    answer = await product.send_lead(lead, **headers)
    return await product.receipt(answer.json()["receipt_id"])


async def counted(product: Product) -> tuple[Any, ...]:
    """What must not move: the books, the funnel, the money."""
    funnel = (await product.get("reporting", "/v1/reports/funnel")).json()
    recount = (await product.get("reporting", "/v1/reports/funnel/recount")).json()
    sales = (await product.get("conversion", "/v1/opportunities")).json()
    money = [(o["opportunity_id"], o["amount"], o["currency"], o["stage"], o["owner"]) for o in sales["items"]]
    return await product.ledger(), funnel, recount, sorted(money)


async def erased_at(product: Product, lead_id: str) -> bool:
    answers = [await product.get(name, f"/v1/leads/{lead_id}/export") for name in SERVICES]
    return all(answer.json()["erased"] for answer in answers)


def words_in(text: str) -> list[str]:
    return [word for word in CANARY if word.lower() in text.lower()]


async def test_erase_means_erase(product: Product) -> None:
    first = await sent(product, PERSON)
    second = await sent(product, {**PERSON, "email": f"second.{EMAIL}", "phone": None, "first_name": "Robin"})
    await sent(product, {**HOT, "email": "bo@neighbour.example", "phone": "+14155550111", "first_name": "Bo"})
    await sent(product, {"first_name": FIRST, "message": SECRET, "source": "website"})
    lead_id, loser = first["lead_id"], second["lead_id"]
    await product.quiet(4)
    joined = await product.post(
        "capture", f"/v1/leads/{lead_id}/merge", json={"loser_id": loser, "reason": f"both {FIRST}"}
    )
    assert joined.json()["status"] == "done"
    await eventually(product.caught_up, "the merge is everywhere", within=30)

    asked = {"email": EMAIL, "reason": "person_request"}
    noted = (await product.post("capture", "/v1/people/export", json=asked)).json()
    assert noted["result"]["leads"] == [{"lead_id": lead_id, "aliases": [loser]}]
    for name in SERVICES:
        held = (await product.get(name, f"/v1/leads/{loser}/export")).text
        assert EMAIL in held and "bo@neighbour.example" not in held
        assert await remains(product.servers.postgres, name) != []
    before = await counted(product)

    assert (await product.post("capture", "/v1/people/erase", key=SOURCE_KEY, json=asked)).status_code == 403
    done = await product.post("capture", "/v1/people/erase", json=asked)
    assert done.json()["status"] == "done"
    await eventually(lambda: erased_at(product, lead_id), "every service has erased", within=30)
    await eventually(product.caught_up, "all has been read", within=30)

    again = await sent(product, {**PERSON, "external_id": LAST})  # not a record of before: the person comes back
    assert again["status"] == "new" and again["lead_id"] not in (lead_id, loser)
    await product.quiet(5)
    assert (await product.post("capture", "/v1/people/erase", json={**asked, "lead_id": None})).json()[
        "status"
    ] == "done"
    await eventually(lambda: erased_at(product, again["lead_id"]), "the second erasure is everywhere", within=30)
    await eventually(product.caught_up, "all has been read", within=30)
    await nothing_is_left(product, (lead_id, again["lead_id"]))

    ledger, funnel, recount, money = await counted(product)
    assert {**ledger, "received": 0, "new": 0} == {**before[0], "received": 0, "new": 0}
    assert (ledger["received"], ledger["new"]) == (before[0]["received"] + 1, before[0]["new"] + 1)
    assert set(before[3]) <= set(money) and recount["differences"] == before[2]["differences"] == []
    assert {row["stage"] for row in funnel["rows"]} == {row["stage"] for row in before[1]["rows"]}


async def nothing_is_left(product: Product, lead_ids: tuple[str, ...]) -> None:
    """In the five schemas, in the log of every process, in Redis, and on every topic that keeps what it has."""
    for name in product.services:
        assert await remains(product.servers.postgres, name) == []
        log = await asyncio.to_thread((product.folder / f"{name}.log").read_text)
        assert words_in(log) == [], name
        assert words_in((await product.get(name, "/metrics")).text) == []
    client = valkey.from_url(product.servers.redis)
    keys = [key async for key in client.scan_iter()]
    held = [await client.dump(key) for key in keys]
    await client.aclose()
    assert words_in(repr([*keys, *held])) == []
    for topic in TOPICS.keys() - BOUNDED - {CONVERTED}:
        text = repr([(r.key, r.value, r.headers) for r in await read_to_end(product.servers, topic)])
        assert words_in(text) == [], topic
    newest = {record.key: record.value or b"" for record in await read_to_end(product.servers, CONVERTED)}
    sold = [orjson.loads(value) for value in newest.values()]
    assert words_in(repr(sold)) == [] and {each["lead_id"] for each in sold} >= set(lead_ids)
    named = [orjson.loads(record.value or b"") for record in await read_to_end(product.servers, ERASED)]
    assert {lead["lead_id"] for each in named for lead in each["leads"]} == set(lead_ids) and len(named) == 2
    assert not re.search("[@+]", repr(named).replace("+00:00", ""))
