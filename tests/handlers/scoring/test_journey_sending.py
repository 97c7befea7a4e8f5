"""What journeys send and what offers bring, on real Postgres: nothing before it is published, each message under one key."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import orjson
import pytest

from services.scoring.journeys.adapters.showing import read_figures, read_of_lead
from services.scoring.journeys.adapters.sinks import NotEver, NotNow
from services.scoring.journeys.domain.model import Message
from services.scoring.journeys.domain.rendering import Rendered, render
from shared.contracts.catalog import EVENTS
from shared.handling.outcomes import Produced, Skipped
from shared.observability.metrics import MESSAGES_SENT
from tests.support.erasing import CANARY, canary, erased, remains
from tests.support.journeys import RULES, Desk, begun, due, published, segment, sends, states, told
from tests.support.scoring import Log, ScoringLane, lead_id, scoring_lane
from tests.support.stack import Servers

pytestmark = pytest.mark.stack


@pytest.fixture
async def lane(own: Servers) -> AsyncIterator[ScoringLane]:
    async with scoring_lane(own.postgres) as made:
        (published,) = await made.settle(Log(1_000_000).publish(RULES, kind="journeys", command=99))
        assert published.outcome == "done", published
        yield made


@pytest.fixture
def desk(lane: ScoringLane, tmp_path: Path) -> Desk:
    return Desk(lane, tmp_path)


async def test_nothing_is_sent_before_it_is_published_and_then_once(lane: ScoringLane, desk: Desk) -> None:
    log = Log()
    outcome = await begun(lane, log, first_name="Ann")
    assert await desk.sending.send_due() == 0
    records = published(log, outcome)
    await lane.settle_journeys(*records)
    await lane.settle_journeys(*records)
    assert sum(await asyncio.gather(*(desk.sending.send_due() for _ in range(3)))) == 1
    (message,) = desk.got
    assert (message.to, message.subject, message.text) == ("person1@example.com", "Hi", "Hello Ann")
    (event,) = [each for each in outcome.events if b'"sent"' in each.data]
    assert message.key == orjson.loads(event.data)["send_id"]
    assert b"person1" not in b"".join(each.data for each in outcome.events)
    assert (await sends(lane), await desk.sending.send_due()) == ([("sent", None, 1)], 0)


async def test_what_fails_is_tried_again_under_the_same_key_until_it_is_given_up(lane: ScoringLane, desk: Desk) -> None:
    log = Log()
    await lane.settle_journeys(*published(log, await begun(lane, log)))
    desk.says = NotNow("smtp_450")
    assert await desk.sending.send_due() == 1
    assert (await sends(lane), await desk.sending.send_due()) == ([("released", "smtp_450", 1)], 0)
    lane.turn(seconds=10)
    assert await desk.sending.send_due() == 1
    assert len({message.key for message in desk.got}) == 1
    lane.turn(days=4)
    await desk.sending.send_due()
    assert await sends(lane) == [("failed", "smtp_450", 3)]
    await lane.settle_journeys(*published(log, await begun(lane, log, 2)))
    desk.says = NotEver("recipient_refused")
    await desk.sending.send_due()
    assert (await sends(lane))[-1] == ("failed", "recipient_refused", 1)


async def test_a_message_that_cannot_be_made_is_given_up_and_holds_up_nobody(
    lane: ScoringLane, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(message: Message, lead: Mapping[str, Any], **more: Any) -> Rendered:
        if lead["first_name"] == "Bug":
            raise ZeroDivisionError("of Ann's")
        return render(message, lead, **more)

    monkeypatch.setattr("services.scoring.journeys.sending.render", breaks)
    log = Log()
    for n, name in ((1, "Bug"), (2, "Ann")):
        await lane.settle_journeys(*published(log, await begun(lane, log, n, first_name=name)))
    assert await desk.sending.send_due() == 2
    assert [message.text for message in desk.got] == ["Hello Ann"]
    for attempts in range(1, 5):
        found = [each for each in await sends(lane) if each[0] != "sent"]
        assert found == [("released", "rendering_failed", attempts)]
        assert await desk.sending.send_due() == 0  # ever later
        lane.turn(hours=1)
        assert await desk.sending.send_due() == 1
    assert sorted(await sends(lane)) == [("failed", "rendering_failed", 5), ("sent", None, 1)]
    lane.turn(days=1)
    assert await desk.sending.send_due() == 0
    async with lane.database.transaction(lane.now) as work:
        figures = (await read_figures(work))["welcome"]
        (message,) = (await read_of_lead(work, lead_id(1)))["messages"]
    failure = {"step": "hello", "channel": "email", "reason": "rendering_failed", "messages": 1}
    assert figures["failures"] == [failure] and figures["messages"][0]["failed"] == 1
    assert (message["state"], message["reason"], message["attempts"]) == ("failed", "rendering_failed", 5)


async def test_a_channel_that_breaks_is_given_up_and_counted(lane: ScoringLane, desk: Desk) -> None:
    log = Log()
    failed = MESSAGES_SENT.labels(channel="email", outcome="failed")
    before = failed._value.get()
    await lane.settle_journeys(*published(log, await begun(lane, log)))
    desk.says = ValueError("a header with a line break")
    for _ in range(5):
        assert await desk.sending.send_due() == 1
        lane.turn(hours=1)
    assert (await sends(lane), failed._value.get() - before) == ([("failed", "channel_failed", 5)], 1)


async def test_a_process_that_dies_while_it_sends_leaves_the_message_to_others(lane: ScoringLane, desk: Desk) -> None:
    log = Log()
    await lane.settle_journeys(*published(log, await begun(lane, log)))
    desk.says = asyncio.CancelledError()
    with pytest.raises(asyncio.CancelledError):
        await desk.sending.send_due()
    desk.says = None
    assert await desk.sending.send_due() == 0  # leased still
    lane.turn(minutes=3)
    assert await desk.sending.send_due() == 1
    assert len({message.key for message in desk.got}) == 1 and await sends(lane) == [("sent", None, 1)]


async def test_who_refused_since_it_was_decided_gets_nothing(lane: ScoringLane, desk: Desk) -> None:
    log = Log()
    await lane.settle_journeys(*published(log, await begun(lane, log)))
    await lane.settle(log.changed(1, 2, consent={"marketing_email": False}))
    await desk.sending.send_due()
    assert (desk.got, await sends(lane)) == ([], [("dropped", "opted_out", 1)])


async def offered(lane: ScoringLane, log: Log) -> str:
    """A code that was offered to lead 1."""
    await begun(lane, log)
    await lane.settle_segments(log.did(1, "mail.opened", lane.now))
    lane.turn(days=3)
    (moved,) = await lane.settle_journeys(*await due(lane, log))
    (code,) = [data["code"] for each in moved.events if (data := orjson.loads(each.data))["action"] == "offered"]
    return str(code)


async def test_a_code_is_redeemed_once_and_brings_its_step_the_revenue(lane: ScoringLane) -> None:
    log = Log()
    code = await offered(lane, log)
    bought = {"code": code.lower(), "amount": "119.9", "currency": "eur"}
    record = log.did(2, "offer.redeemed", lane.now, properties=bought)
    (redeemed,) = await lane.settle_journeys(record)
    data = cast(Any, EVENTS["offer.redeemed"].model_validate_json(redeemed.events[0].data, strict=True))
    assert (data.lead_id, data.journey, data.step) == (lead_id(1), "welcome", "gift")
    assert (data.code, data.amount, data.currency) == (code, "119.90", "EUR")
    assert await lane.settle_journeys(record) == [redeemed]
    second = log.did(1, "offer.redeemed", lane.now, properties=bought)
    assert await lane.settle_journeys(second) == [Skipped("redeems_nothing", lead_id(1))]


@pytest.mark.parametrize(
    ("properties", "days", "redeems"),
    [
        ({"code": "AAAA-BBBB-CCCC-DDDD"}, 0, False),
        ({"code": 7}, 0, False),
        ({}, 0, False),
        ({"code": "the code"}, 31, False),
        ({"code": "the code"}, 30, True),
        ({"code": "the code", "amount": "NaN", "currency": "EUR"}, 0, True),
        ({"code": "the code", "amount": -3, "currency": "EUR"}, 0, True),
        ({"code": "the code", "amount": "5 USD"}, 0, True),
    ],
)
async def test_only_valid_codes_are_redeemed(
    lane: ScoringLane, properties: dict[str, Any], days: int, redeems: bool
) -> None:
    log = Log()
    code = await offered(lane, log)
    said = {**properties, **({"code": code} if properties.get("code") == "the code" else {})}
    (outcome,) = await lane.settle_journeys(
        log.did(1, "offer.redeemed", lane.now + timedelta(days=days), properties=said)
    )
    assert isinstance(outcome, Produced) is redeems
    if redeems:
        amount = orjson.loads(outcome.events[0].data)["amount"]
        assert amount == ("5.00" if properties.get("amount") == "5 USD" else None)


async def test_two_redemptions_of_a_code_in_one_batch_count_once(lane: ScoringLane) -> None:
    log = Log()
    code = await offered(lane, log)
    records = [log.did(n, "offer.redeemed", lane.now, properties={"code": code}) for n in (1, 2)]
    outcomes = await lane.settle_journeys(*records)
    assert [isinstance(each, Produced) for each in outcomes] == [True, False]


async def test_who_is_erased_is_in_no_journey_and_gets_nothing(lane: ScoringLane, desk: Desk, own: Servers) -> None:
    log = Log()
    outcome = await begun(lane, log, **canary())
    await lane.settle(log.record("leads.erased.v1", "lead.erased", erased(9, lead_id(1))))
    await lane.settle_journeys(*published(log, outcome), segment(log, 1))
    await desk.sending.send_due()
    assert desk.got == [] and ("active", None) not in await states(lane)
    assert await remains(own.postgres, "scoring") == [] and CANARY
    lane.turn(days=4)
    for record in await due(lane, log):
        assert told((await lane.settle_journeys(record))[0]) == []
