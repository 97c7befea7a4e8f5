"""Somebody who was erased stays out when every topic is read again, when their file, forms and events come again, when a
dead letter of theirs is replayed, and when they were in quarantine only: P12."""

import asyncio
from collections import Counter
from typing import Any

import orjson
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from shared.contracts.topics import CONVERTED, INBOUND, INBOUND_BULK, SERVICES
from tests.e2e.conftest import HOT, SOURCE_KEY, Product
from tests.support.erasing import CANARY, remains
from tests.support.topics import produce, read_to_end, reset_group
from tests.support.waiting import eventually

pytestmark = [pytest.mark.stack, pytest.mark.processes, pytest.mark.timeout(300)]

EMAIL, PHONE, FIRST, LAST, SECRET = CANARY
PERSON = {**HOT, "email": EMAIL, "phone": PHONE, "first_name": FIRST, "last_name": LAST, "message": SECRET}
BEHAVIOUR = {"kind": "mail.opened", "email": EMAIL, "properties": {"message_id": SECRET}}
# The record that could not be processed, as it came: docs/erasure.md.
KEPT_90_DAYS = "parked_values:"
_BUG = """
    CREATE FUNCTION public.bug() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.facts LIKE '%a bug%' THEN RAISE EXCEPTION 'a bug'; END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER bug BEFORE INSERT OR UPDATE ON capture.leads FOR EACH ROW EXECUTE FUNCTION public.bug();
"""


async def test_who_was_erased_stays_out(product: Product) -> None:
    await product.execute(_BUG)
    await a_form(product)
    await a_file(product, "leads.csv")
    await produce(product.servers, INBOUND, [record("partner", {**PERSON, "message": "a bug"})])
    await some_behaviour(product)
    letter = await eventually(lambda: buried(product), "one record is buried", within=30)
    await product.execute("DROP TRIGGER bug ON capture.leads")
    assert (await product.quiet(3))["dead_lettered"] == 1
    await erase(product)
    before = await product.quiet(3)
    await nothing_is_left(product)

    await read_everything_again(product)
    assert await product.quiet(3) == before
    await nothing_is_left(product)

    await a_file(product, "leads.csv")  # the same file, and the same people in another one
    await a_file(product, "copy.csv")
    await a_form(product)
    await some_behaviour(product)
    after = await product.quiet(6)
    gained = {"received": 3, "merged": 2, "rejected": 1}
    assert after - before == Counter(gained)
    await nothing_is_left(product)

    done = await product.post("reporting", f"/v1/dead-letters/{letter['id']}/replay", json={})
    assert done.json()["result"]["outcome_reason"] == "erased_before", done.text
    replayed = await product.quiet(6)
    assert (replayed["dead_lettered"], replayed["rejected"]) == (0, after["rejected"] + 1)
    await nothing_is_left(product)
    ledger = (await product.get("reporting", "/v1/ledger?recount=true")).json()
    assert ledger["balanced"], ledger["problems"]
    await what_waits_goes_too(product)


def record(source: str, lead: dict[str, Any], *more: tuple[str, bytes]) -> Any:
    headers = [("ce_source", source.encode()), ("ce_id", b"1"), ("ce_time", b"2026-01-05T10:00:00Z"), *more]
    return source.encode(), orjson.dumps(lead), headers


async def a_form(product: Product) -> None:
    assert (await product.send_lead(PERSON, **{"Idempotency-Key": f"{product.servers.prefix}form"})).status_code == 202


async def a_file(product: Product, name: str) -> None:
    """A row as an import sends it."""
    await produce(product.servers, INBOUND_BULK, [record(name, PERSON, ("ls_row", b"1"))])


async def some_behaviour(product: Product, event: str = "mo-1") -> None:
    path, told = "/v1/events?source=mailer", {**BEHAVIOUR, "id": event}
    answer = await product.post("capture", path, key=SOURCE_KEY, json=told)
    assert answer.status_code == 202, answer.text


async def what_waits_goes_too(product: Product) -> None:
    """The person comes back, into quarantine and among strangers, and asks again: there is no lead to find them by."""
    assert (await product.send_lead({**PERSON, "ls_hp": "a machine"})).status_code == 202
    await some_behaviour(product, "mo-2")
    waits = "SELECT (SELECT count(*) FROM capture.quarantine) * (SELECT count(*) FROM capture.behaviours)"
    await eventually(lambda: product.value(waits), "both wait", within=30)
    asked = {"email": EMAIL, "reason": "person_request"}
    noted = (await product.post("capture", "/v1/people/export", json=asked)).json()
    assert (noted["status"], noted["result"]["leads"], len(noted["result"]["waiting"])) == ("done", [], 2)
    handed_out = (await product.get("capture", f"/v1/people/export/{noted['command_id']}")).json()
    assert EMAIL in handed_out["quarantine"][0]["value"] and handed_out["behaviour"][0]["kind"] == "mail.opened"
    done = (await product.post("capture", "/v1/people/erase", json=asked)).json()
    assert (done["status"], done["result"]["leads"]) == ("done", [])
    assert await remains(product.servers.postgres, "capture") == []
    assert await product.value("SELECT state FROM capture.quarantine") == "erased"
    assert await product.value("SELECT count(*) FROM capture.behaviours") == 0


async def buried(product: Product) -> Any:
    found = (await product.get("reporting", "/v1/dead-letters?service=capture")).json()["dead_letters"]
    return found[0] if found else None


async def erase(product: Product) -> None:
    asked = {"email": EMAIL, "reason": "person_request"}
    done = (await product.post("capture", "/v1/people/erase", json=asked)).json()
    assert done["status"] == "done", done
    lead_id: str = done["result"]["leads"][0]["lead_id"]

    async def everywhere() -> bool:
        answers = [await product.get(name, f"/v1/leads/{lead_id}/export") for name in SERVICES]
        return all(answer.json()["erased"] for answer in answers)

    await eventually(everywhere, "every service has erased", within=30)
    await eventually(product.caught_up, "all has been read", within=30)


async def read_everything_again(product: Product) -> None:
    """Every group of every service at the beginning of each of its topics."""
    await asyncio.gather(*(asyncio.to_thread(process.stop) for process in product.services.values()))
    admin = AIOKafkaAdminClient(bootstrap_servers=product.servers.kafka)
    await admin.start()
    try:
        reset = [await at_the_beginning(product, admin, group) for group, _ in await admin.list_consumer_groups()]
        assert sum(reset) >= len(SERVICES)
    finally:
        await admin.close()
    for process in product.services.values():
        process.start()
    await asyncio.gather(*(process.ready(within=60) for process in product.services.values()))
    await eventually(product.caught_up, "all has been read again", within=60)


async def at_the_beginning(product: Product, admin: AIOKafkaAdminClient, group: str) -> bool:
    """Whether this is a group of the product that had read anything."""
    names = product.servers.names
    if not group.startswith(names.group("")):
        return False
    read = sorted({names.logical(place.topic) for place in await admin.list_consumer_group_offsets(group)})
    if read:
        await reset_group(product.servers, group.removeprefix(names.group("")), read)
    return bool(read)


async def nothing_is_left(product: Product) -> None:
    await eventually(product.caught_up, "all has been read", within=30)
    for name in product.services:
        left = await remains(product.servers.postgres, name)
        assert [each for each in left if not each.startswith(KEPT_90_DAYS)] == []
        log = await asyncio.to_thread((product.folder / f"{name}.log").read_text)
        assert [word for word in CANARY if word in log] == []
    newest = {each.key: each.value or b"" for each in await read_to_end(product.servers, CONVERTED)}
    assert [word for word in CANARY if word.encode() in b"".join(newest.values())] == []
