"""Redis that is away is left alone: one question tries it, ever less often, until one is answered."""

import asyncio
from types import SimpleNamespace

import pytest
from redis.exceptions import ConnectionError as RedisAway

from services.capture.adapters import redis as module
from services.capture.adapters.redis import RedisLink


class Redis:
    """A server that is there or not, a clock beside it, and how often it was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.there, self.asked = 100.0, True, 0
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: self.now))
        self.link = RedisLink("redis://127.0.0.1:1", 0.1)

    async def question(self) -> str:
        self.asked += 1
        loop = asyncio.get_running_loop()
        answered = loop.create_future()
        loop.call_soon(answered.set_result, None)
        await answered  # the others ask meanwhile
        if not self.there:
            raise RedisAway
        return "answer"

    async def ask(self, many: int = 1) -> list[str]:
        return await asyncio.gather(*(self.link.ask(self.question, "default") for _ in range(many)))


async def test_a_server_that_is_away_is_tried_by_one_question_ever_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    redis = Redis(monkeypatch)
    assert await redis.ask(3) == ["answer"] * 3
    redis.there, redis.asked = False, 0
    assert await redis.ask(16) == ["default"] * 16 and redis.asked == 16  # nobody knows yet
    breaks = []
    for _ in range(5):
        began, asked = redis.now, redis.asked
        while redis.asked == asked:
            redis.now += 0.5
            assert await redis.ask(16) == ["default"] * 16
        assert redis.asked == asked + 1
        breaks.append(redis.now - began)
    assert breaks == [5, 10, 20, 30, 30]


async def test_once_it_answers_everybody_asks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    redis = Redis(monkeypatch)
    redis.there = False
    await redis.ask()
    redis.now, redis.there = redis.now + 5, True
    assert await redis.ask() == ["answer"]
    assert await redis.ask(4) == ["answer"] * 4
    redis.there = False
    await redis.ask()
    redis.now, redis.there = redis.now + 5, True
    assert await redis.ask() == ["answer"]  # the first break of another outage is a short one again
