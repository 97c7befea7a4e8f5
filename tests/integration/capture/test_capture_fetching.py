"""Announced leads end to end: a signed notification of six, each fetched from a recorded provider, once."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from services.capture.adapters.meta_graph import MetaGraph
from services.capture.adapters.provider_http import ProviderHttp
from services.capture.commands.backfilling import backfill_leads
from services.capture.settings import CaptureSettings
from services.capture.sources.signing import hex_hmac
from tests.integration.capture.test_capture_webhooks import found, outcomes
from tests.support.capture import SECRET, create_schema, running_capture, until
from tests.support.provider_api import TOKEN, ProviderApi, graph_lead, serving
from tests.support.sources import SECRETS, sources_of
from tests.support.stack import Servers

SINCE, UNTIL = datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
pytestmark = [pytest.mark.stack, pytest.mark.processes]

FILE = """kind: sources
sources:
  spring: {kind: meta, secrets: [{env: KEY}], verify_token: {env: OLD_KEY}, token: {env: TOKEN}, forms: [7]}
"""

SECRETS["TOKEN"] = TOKEN
SPRING = sources_of(FILE).by_name["spring"]


@pytest.fixture
def api() -> Iterator[ProviderApi]:
    with serving(ProviderApi()) as serving_api:
        yield serving_api


@pytest.fixture
async def capture(own: Servers, tmp_path: Path, api: ProviderApi) -> AsyncIterator[httpx.AsyncClient]:
    path = tmp_path / "sources.yaml"
    path.write_text(FILE)
    await create_schema(own.postgres)
    async with running_capture(
        own,
        tmp_path,
        LEADSTREAM_CAPTURE_SOURCES=str(path),
        LEADSTREAM_META_GRAPH_URL=api.url,
        KEY=SECRETS["KEY"],
        OLD_KEY=SECRETS["OLD_KEY"],
        TOKEN=TOKEN,
    ) as client:
        yield client


def change(lead_id: Any) -> dict[str, Any]:
    return {"field": "leadgen", "value": {"leadgen_id": lead_id, "form_id": "7", "created_time": 1_772_268_554}}


async def notify(capture: httpx.AsyncClient, *lead_ids: Any) -> None:
    half = (len(lead_ids) + 1) // 2
    entries = [{"id": "p", "changes": [change(each) for each in part]} for part in (lead_ids[:half], lead_ids[half:])]
    body = orjson.dumps({"object": "page", "entry": entries})
    headers = {
        "x-hub-signature-256": "sha256=" + hex_hmac(SECRETS["KEY"].encode(), body),
        "content-type": "application/json",
        "authorization": "",
    }
    answer = await capture.post("/v1/webhooks/meta/spring", content=body, headers=headers)
    assert answer.status_code == 200, answer.text


async def test_two_entries_of_three_changes(capture: httpx.AsyncClient, own: Servers, api: ProviderApi) -> None:
    for number in (1, 2, 3):
        api.answers[f"/{number}"] = [graph_lead(str(number), f"p{number}@example.com")]
    api.answers["/2"].insert(0, (500, b"", {}))  # at first
    for _ in range(2):
        await notify(capture, "1", 2, "3", "4444444444", "gone", None)

    async def settled() -> bool:
        # Twice: the test and the one without an id, which have no provider's id to be known by for ever.
        return await outcomes(own) == {"new": 3, "test": 2, "rejected": 3}

    await until(settled, "every lead of both notifications is settled")
    assert (await found(capture, "spring", "2"))["status"] == "new"
    failed = await found(capture, "spring", "gone/not_fetched")
    assert (failed["status"], failed["reason"]) == ("rejected", "not_fetched")
    assert (api.asked["/1"], api.asked["/2"], api.asked["/gone"]) == (1, 2, 1)


async def test_the_challenge_of_a_subscription(capture: httpx.AsyncClient) -> None:
    query = {"hub.mode": "subscribe", "hub.verify_token": SECRETS["OLD_KEY"], "hub.challenge": "1158201444"}
    answer = await capture.get("/v1/webhooks/meta/spring", params=query, headers={"authorization": ""})
    assert (answer.status_code, answer.text) == (200, "1158201444")
    wrong = await capture.get("/v1/webhooks/meta/spring", params={**query, "hub.verify_token": "x"})
    assert wrong.status_code == 403


async def test_a_backfill_doubles_nothing_that_a_webhook_brought(
    capture: httpx.AsyncClient, own: Servers, api: ProviderApi
) -> None:
    leads = [graph_lead(str(number), f"p{number}@example.com") for number in range(1, 6)]
    api.answers["/1"], api.pages["/7/leads"] = [leads[0]], [leads[:3], leads[3:]]
    await notify(capture, "1")
    await found(capture, "spring", "1")
    for _ in range(2):
        provider = MetaGraph(ProviderHttp(api.url))
        sent = await backfill_leads(settings_of(own), SPRING, provider, SINCE, UNTIL)
        assert sent == {"sent": 5, "stopped": None}

    async def settled() -> bool:
        return await outcomes(own) == {"new": 5, "merged": 6}

    await until(settled, "five leads, and what was known already")
    (repeat, *_) = (await found(capture, "spring", "1"))["repeats"]
    assert (repeat["status"], repeat["reason"]) == ("merged", "repeated_event")


def settings_of(own: Servers) -> CaptureSettings:
    """The settings of a command on these servers."""
    given = {name.removeprefix("LEADSTREAM_").lower(): value for name, value in own.environment().items()}
    return CaptureSettings.model_validate({**given, "secret": SECRET.decode()})
