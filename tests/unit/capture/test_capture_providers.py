"""Providers' APIs: what they answer is bounded, judged and never followed elsewhere."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from services.capture.adapters.linkedin_api import LinkedInApi
from services.capture.adapters.meta_graph import MetaGraph
from services.capture.adapters.provider_http import ProviderHttp
from services.capture.adapters.typeform_api import TypeformApi
from services.capture.ports import Fetched, LeadProvider, NotEver, NotNow
from services.capture.sources.configured import ConfiguredSource
from services.capture.sources.register import READERS
from tests.support.provider_api import (
    LINKEDIN_FORM,
    TOKEN,
    ProviderApi,
    graph_lead,
    linkedin_response,
    serving,
)
from tests.support.sources import SECRETS, source_of

SINCE, UNTIL = datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
SECRETS["TOKEN"] = TOKEN
META = source_of("kind: meta\nsecrets: [{env: KEY}]\nverify_token: {env: KEY}\ntoken: {env: TOKEN}\nforms: [7, 8]")
LINKEDIN = source_of("kind: linkedin\nsecrets: [{env: KEY}]\ntoken: {env: TOKEN}\nforms: [123]")
TYPEFORM = source_of("kind: typeform\nsecrets: [{env: KEY}]\ntoken: {env: TOKEN}\nforms: [abc]")


@pytest.fixture
def api() -> Iterator[ProviderApi]:
    with serving(ProviderApi()) as serving_api:
        yield serving_api


@pytest.fixture
async def meta(api: ProviderApi) -> AsyncIterator[MetaGraph]:
    graph = MetaGraph(ProviderHttp(api.url))
    yield graph
    await graph.close()


async def listed(provider: LeadProvider, source: ConfiguredSource) -> list[Any]:
    return [page async for page in provider.listed(source, SINCE, UNTIL)]


async def test_a_lead_of_the_graph_api_in_its_own_bytes(api: ProviderApi, meta: MetaGraph) -> None:
    api.answers["/12"] = [graph_lead("12", "joe@example.com")]
    given = await meta.fetch(META, "12")
    assert isinstance(given, Fetched)
    assert given.raw == orjson.dumps(graph_lead("12", "joe@example.com"))
    assert (given.provider_id, given.occurred_at, given.is_test) == ("12", "2026-02-28T08:49:14+00:00", False)
    assert api.tokens == {f"Bearer {TOKEN}"}


ANSWERS: list[tuple[Any, type, str]] = [
    ((404, b"", {}), NotEver, "gone"),
    ((400, b'{"error":{"code":100,"error_subcode":33}}', {}), NotEver, "gone"),
    ((400, b'{"error":{"code":190}}', {}), NotNow, "http_400"),
    ((401, b"", {}), NotNow, "http_401"),
    ((429, b"", {"Retry-After": "77"}), NotNow, "http_429"),
    ((500, b"<html>", {}), NotNow, "http_500"),
    ((308, b"", {"Location": "https://evil.example/"}), NotNow, "http_308"),
    ((200, b"'; DROP TABLE leads; --", {}), NotNow, "no_json"),
    ((200, b"[1]", {}), NotNow, "no_object"),
    ((200, b"[" * 100_000, {}), NotNow, "no_json"),
    ((200, b'"' + b"x" * 5_000_000 + b'"', {}), NotEver, "too_large"),
    (graph_lead("13", "another@example.com"), NotNow, "another_object"),
]


@pytest.mark.parametrize(("answer", "kind", "reason"), ANSWERS)
async def test_what_a_provider_may_answer_instead(
    api: ProviderApi, meta: MetaGraph, answer: Any, kind: type, reason: str
) -> None:
    api.answers["/12"] = [answer]
    given = await meta.fetch(META, "12")
    assert isinstance(given, kind) and given.reason == reason  # type: ignore[union-attr]
    if isinstance(given, NotNow):
        assert given.after_s == (77.0 if reason == "http_429" else None)


async def test_nobody_is_asked_for_an_id_that_is_none(api: ProviderApi, meta: MetaGraph) -> None:
    for odd in ("../me", "1?fields=x", "", "1/2", "é", "1\n"):
        assert isinstance(await meta.fetch(META, odd), NotEver)
    assert not api.asked


async def test_a_provider_that_is_away_is_asked_again(meta: MetaGraph) -> None:
    away = MetaGraph(ProviderHttp("http://127.0.0.1:9"))
    assert isinstance(await away.fetch(META, "12"), NotNow)
    await away.close()


async def test_forms_are_listed_page_by_page_and_no_link_is_followed(api: ProviderApi, meta: MetaGraph) -> None:
    leads = [[graph_lead(f"{page}{n}", f"p{page}{n}@example.com") for n in range(2)] for page in range(3)]
    api.pages["/7/leads"] = leads
    api.answers["/8/leads"] = [(500, b"", {})]
    pages = await listed(meta, META)
    assert [[each.provider_id for each in page] for page in pages[:3]] == [["00", "01"], ["10", "11"], ["20", "21"]]
    assert isinstance(pages[3], NotNow) and len(pages) == 4
    assert api.asked["/7/leads"] == 3


async def test_linkedins_response_comes_with_the_form_that_names_its_questions(api: ProviderApi) -> None:
    linkedin = LinkedInApi(ProviderHttp(api.url), "202510")
    api.answers["/leadForms/55"] = [LINKEDIN_FORM]
    for lead_id in ("a-1", "a-2"):
        api.answers[f"/leadFormResponses/{lead_id}"] = [linkedin_response(lead_id, f"{lead_id}@example.com")]
        given = await linkedin.fetch(LINKEDIN, lead_id)
        assert isinstance(given, Fetched)
        document = READERS["linkedin"].read(given.raw, "application/json", LINKEDIN)
        assert isinstance(document, dict) and document["emails"] == [f"{lead_id}@example.com"]
    assert api.asked["/leadForms/55"] == 1
    api.answers["/leadFormResponses/a-3"] = [linkedin_response("a-3", "t@example.com", testLead=True)]
    tested = await linkedin.fetch(LINKEDIN, "a-3")
    assert isinstance(tested, Fetched) and tested.is_test
    api.answers["/leadFormResponses"] = [{"elements": [linkedin_response("a-9", "l@example.com")]}]
    ((one,),) = await listed(linkedin, LINKEDIN)
    assert one.provider_id == "a-9"
    await linkedin.close()


async def test_typeforms_responses_have_the_ids_of_its_webhooks(api: ProviderApi) -> None:
    typeform = TypeformApi(ProviderHttp(api.url))
    answers = [{"type": "email", "email": "ann@example.com", "field": {"id": "x"}}]
    item = {"token": "tok", "submitted_at": "2026-02-28T08:49:14Z", "answers": answers}
    api.answers["/forms/abc/responses"] = [{"items": [item]}]
    ((one,),) = await listed(typeform, TYPEFORM)
    assert (one.provider_id, one.occurred_at) == ("tok", "2026-02-28T08:49:14Z")
    assert isinstance(await typeform.fetch(TYPEFORM, "tok"), NotEver)
    await typeform.close()
