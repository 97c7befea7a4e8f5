"""Bodies are bounded before anyone is asked who sends them; errors name no value and no position."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Request
from pydantic import BaseModel

from shared.runtime import problems
from shared.runtime.bodies import BoundedBodies
from shared.runtime.idempotency import idempotency_key
from shared.runtime.problems import Problem
from shared.runtime.reading import known_id

LIMIT = 10_000


class _Body(BaseModel):
    text: str


def _nobody() -> None:
    raise Problem(401, "unauthenticated", "A key is needed.")


def _app(timeout_s: float = 5.0) -> FastAPI:
    app = FastAPI()
    problems.install(app)
    app.add_middleware(BoundedBodies, limit=LIMIT, timeout_s=timeout_s)

    @app.post("/open")
    async def read(body: _Body) -> int:
        return len(body.text)

    @app.post("/closed", dependencies=[Depends(_nobody)])
    async def closed(body: _Body) -> None: ...

    @app.get("/key")
    async def key(request: Request) -> str | None:
        return idempotency_key(request)

    @app.get("/things/{thing}")
    async def thing(thing: str) -> str:
        return known_id(thing, "thing")

    return app


def _client(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t")


@pytest.mark.parametrize("path", ["/open", "/closed"])
async def test_no_more_than_the_limit_is_taken_from_anybody(path: str) -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        yield b'{"text": "'
        while taken < 100 * LIMIT:
            taken += 1000
            yield b"x" * 1000

    async with _client(_app()) as client:
        answer = await client.post(path, content=endless(), headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert answer.headers["connection"] == "close"


async def test_a_body_at_the_limit_is_taken() -> None:
    async with _client(_app()) as client:
        frame = len(b'{"text":""}')
        assert (await client.post("/open", json={"text": "x" * (LIMIT - frame)})).json() == LIMIT - frame
        assert (await client.post("/open", json={"text": "x" * (LIMIT - frame + 1)})).status_code == 413


async def test_a_body_that_does_not_arrive_is_given_up() -> None:
    sent: list[Any] = []
    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": "/open",
        "headers": [(b"content-type", b"application/json")],
    }
    scope |= {"query_string": b"", "http_version": "1.1", "scheme": "http", "server": ("t", 80), "root_path": ""}

    async def never() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    async with asyncio.timeout(5):
        await _app(timeout_s=0.05)(scope, never, send)
    assert sent[0]["status"] == 408
    assert b"body_too_slow" in sent[1]["body"]


async def test_broken_json_is_called_that_wherever_it_breaks() -> None:
    async with _client(_app()) as client:
        for body in (b"", b'{"text": ', b"\xff", b"[" * 9_000):
            answer = await client.post("/open", content=body, headers={"content-type": "application/json"})
            assert answer.status_code in (400, 422)
            assert not answer.json().get("field", "").isdigit()
        answer = await client.post("/open", content=b'{"text": ', headers={"content-type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_json")


@pytest.mark.parametrize("key", [b"", b"a b", b"x" * 201, b"caf\xe9"])
async def test_an_idempotency_key_that_is_none_is_refused(key: bytes) -> None:
    async with _client(_app()) as client:
        answer = await client.get("/key", headers=[(b"idempotency-key", key)])
        assert (answer.status_code, answer.json()["field"]) == (400, "idempotency-key")


@pytest.mark.parametrize("thing", ["x", "' OR 1=1--", "%00", "x" * 5000, "1", "\u00b2"])
async def test_an_id_that_is_none_is_not_found(thing: str) -> None:
    async with _client(_app()) as client:
        assert (await client.get(f"/things/{thing}")).status_code == 404


async def test_a_body_that_nobody_reads_is_taken_before_the_answer() -> None:
    """A connection that is closed with bytes on their way is reset: the client would not see the answer."""
    app = _app()
    left = [b"x" * 4096] * 2

    async def body() -> AsyncIterator[bytes]:
        while left:
            yield left.pop()

    @app.post("/unread")
    async def unread(request: Request) -> str:
        assert left
        return "not read"

    async with _client(app) as client:
        assert (await client.post("/unread", content=body())).text == '"not read"'
    assert not left
