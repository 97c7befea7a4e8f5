"""A load of made-up leads: what is taken, refused and sent again is counted, and nobody in it exists."""

import json
from itertools import islice

import httpx
import pytest

from services.capture.commands.loadgen import Load, seconds_of
from services.capture.commands.made_up import made_up_leads
from services.capture.domain.submission import build_submission


@pytest.mark.parametrize(("span", "seconds"), [("30s", 30), ("5m", 300), ("1h", 3600), ("90", 90), ("0.5s", 0.5)])
def test_spans_are_read(span: str, seconds: float) -> None:
    assert seconds_of(span) == seconds


@pytest.mark.parametrize("span", ["", "0s", "-1s", "25h", "soon", "1d", "nan", "1e3"])
def test_what_is_no_span_is_refused(span: str) -> None:
    with pytest.raises(ValueError, match=f"^{span}"):
        seconds_of(span)


def test_the_same_seed_makes_the_same_people_and_nobody_is_anybody() -> None:
    one, same, other = (list(islice(made_up_leads(seed, "load"), 500)) for seed in (1, 1, 2))
    assert one == same != other
    assert all(lead["email"].endswith(".example.com") for lead in one)
    assert 480 < len({lead["email"] for lead in one}) < 500  # some come again
    assert all(isinstance(build_submission(lead), dict) for lead in one)


class Capture:
    """Answers as capture does, once it has refused so often."""

    def __init__(self, refusals: list[int]) -> None:
        self.refusals, self.keys, self.lines = refusals, list[str](), 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.keys.append(request.headers["idempotency-key"])
        if self.refusals:
            return httpx.Response(self.refusals.pop(), headers={"retry-after": "0"})
        count = len(request.content.splitlines())
        self.lines += count
        rejected = [{"line": 1, "code": "no_identifier"}] if request.url.path.endswith("rejecting") else []
        return httpx.Response(202, text=json.dumps({"accepted": count - len(rejected), "rejected": rejected}))


async def sent(capture: Capture, rate: float, seconds: float) -> Load:
    async with httpx.AsyncClient(transport=httpx.MockTransport(capture), base_url="http://capture") as client:
        load = Load(client, made_up_leads(1, "load"), rate, lambda done, note: None)
        await load.run(seconds)
    return load


async def test_what_cannot_be_taken_now_is_sent_again_under_its_key() -> None:
    capture = Capture([503, 429])
    load = await sent(capture, rate=200, seconds=0.3)
    said = load.tally.as_dict()
    assert said["accepted"] == said["due"] == capture.lines >= 40
    assert (said["tried_again"], said["given_up"], len(set(capture.keys))) == (2, 0, len(capture.keys) - 2)


async def test_what_is_refused_for_good_is_told() -> None:
    load = await sent(Capture([401]), rate=100, seconds=0.3)
    assert load.tally.given_up > 0 and load.tally.accepted == load.tally.due - load.tally.given_up
