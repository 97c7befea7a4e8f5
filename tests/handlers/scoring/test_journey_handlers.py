"""Journeys on real Postgres, batch by batch, without Kafka: each step once, nothing sent before it is published."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import orjson
import pytest

from services.scoring.journeys.adapters.models import active_journeys
from services.scoring.journeys.adapters.sinks import NotEver, NotNow
from services.scoring.journeys.domain.rendering import Rendered
from services.scoring.journeys.sending import Sending
from services.scoring.settings import ScoringSettings
from shared.contracts.catalog import EVENTS
from shared.contracts.topics import CONVERTED, JOURNEYS
from shared.handling.outcomes import Produced, Skipped
from shared.handling.records import Record
from shared.persistence.timers import DueTimer
from shared.runtime.service import Service
from shared.runtime.sweeper import command_of
from tests.support.erasing import CANARY, canary, erased, remains
from tests.support.scoring import NOW, Log, ScoringLane, create_schema, lead_id, scoring_lane
from tests.support.stack import Servers

pytestmark = pytest.mark.stack

RULES = """
kind: journeys
name: test
caps: [{channel: email, most: 2, days: 7}]
journeys:
  - id: welcome
    segment: nurture
    again_after_days: 90
    steps:
      - {id: hello, send: {channel: email, subject: Hi, text: 'Hello {first_name}'}}
      - {id: pause, wait: {days: 3}}
      - {id: opened, branch: {when: {field: did.mail.opened, gte: 1}, then: gift, else: bye}}
      - {id: gift, offer: {channel: email, text: 'Code {code}', valid_days: 30}}
      - {id: bye, end: true}
"""


@pytest.fixture
async def lane(own: Servers) -> AsyncIterator[ScoringLane]:
    await create_schema(own.postgres)
    async with scoring_lane(own.postgres) as made:
        (published,) = await made.settle(Log(1_000_000).publish(RULES, kind="journeys", command=99))
        assert published.outcome == "done", published
        yield made


def segment(log: Log, n: int, what: str = "entered", segment: str = "nurture") -> Record:
    value = orjson.dumps({"lead_id": lead_id(n), "segment": segment})
    return log.record(JOURNEYS, f"segment.{what}", value, key=lead_id(n))


def told(outcome: Any) -> list[tuple[str, str]]:
    """(step, action), each event checked against its contract."""
    if isinstance(outcome, Skipped):
        return []
    assert isinstance(outcome, Produced), outcome
    steps = []
    for event in outcome.events:
        assert (event.topic, event.envelope.type) == (JOURNEYS, "journey.advanced")
        data = cast(Any, EVENTS["journey.advanced"].model_validate_json(event.data, strict=True))
        steps.append((data.step, data.action))
    return steps


def published(log: Log, outcome: Any) -> list[Record]:
    """What went out, as the lane reads it again."""
    return [log.record(JOURNEYS, each.envelope.type, each.data, key=each.key.decode()) for each in outcome.events]


async def due(lane: ScoringLane, log: Log) -> list[Record]:
    rows = await lane.fetch(
        "SELECT timer_id::text, generation, kind, subject::text, due_at, payload FROM timers WHERE kind LIKE 'journey.%'"
    )
    timers = [DueTimer._make((*list(row.values())[:5], row["payload"].encode())) for row in rows]
    return [sent(log, timer) for timer in sorted(timers, key=lambda each: each.due_at) if timer.due_at <= lane.now]


def sent(log: Log, timer: DueTimer) -> Record:
    raw = command_of(timer, "scoring")
    event_id = dict(raw.headers)["ce_id"].decode()
    return log.record("scoring.commands.v1", timer.kind, raw.value, subject=timer.subject)._replace(event_id=event_id)


async def begun(lane: ScoringLane, log: Log, n: int = 1, **facts: Any) -> Any:
    await lane.settle(log.captured(n, **facts))
    (outcome,) = await lane.settle_journeys(segment(log, n))
    return outcome


async def states(lane: ScoringLane) -> list[tuple[str, str | None]]:
    rows = await lane.fetch("SELECT state, reason FROM journey_runs ORDER BY entered_at, run_id")
    return [(row["state"], row["reason"]) for row in rows]


async def test_a_lead_goes_through_a_journey_step_by_step(lane: ScoringLane) -> None:
    log = Log()
    outcome = await begun(lane, log)
    assert told(outcome) == [("hello", "entered"), ("hello", "sent"), ("pause", "waits")]
    assert len({event.envelope.event_id for event in outcome.events}) == 3
    assert await due(lane, log) == []
    lane.turn(days=2)
    await lane.settle_segments(log.did(1, "mail.opened", lane.now))
    lane.turn(days=1)
    (timer,) = await due(lane, log)
    (moved,) = await lane.settle_journeys(timer)
    assert told(moved) == [("opened", "branched"), ("gift", "offered"), ("bye", "ended")]
    assert (await states(lane), await due(lane, log)) == ([("done", None)], [])


async def test_what_was_done_before_the_journey_began_does_not_count(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle_segments(log.did(1, "mail.opened", NOW - timedelta(days=1)))
    await begun(lane, log)
    lane.turn(days=3)
    (moved,) = await lane.settle_journeys(*await due(lane, log))
    assert told(moved) == [("opened", "branched"), ("bye", "ended")]


async def test_a_redelivery_publishes_the_same_events_and_moves_nothing(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.captured(1))
    entered = segment(log, 1)
    (first,) = await lane.settle_journeys(entered)
    lane.turn(days=3)
    (timer,) = await due(lane, log)
    (second,) = await lane.settle_journeys(timer)
    again = await lane.settle_journeys(entered, timer)
    assert again == [first, second]
    (twice,) = await lane.settle_journeys(timer._replace(offset=timer.offset + 500))
    assert twice == Skipped("timer_not_live", lead_id(1))
    (other,) = await lane.settle_journeys(entered._replace(offset=entered.offset + 500))
    assert told(other) == []


async def test_a_timer_that_fires_before_the_runs_own_clock_says_so_is_set_anew(lane: ScoringLane) -> None:
    """Another replica's clock may be ahead of ours, and a clock may be set back."""
    log = Log()
    await begun(lane, log)
    lane.turn(days=3)
    (early,) = await due(lane, log)
    lane.turn(seconds=-2)
    assert [told(each) for each in await lane.settle_journeys(early)] == [[]]
    lane.turn(seconds=2)
    (moved,) = await lane.settle_journeys(*await due(lane, log))
    assert told(moved) == [("opened", "branched"), ("bye", "ended")]


async def test_nobody_begins_twice_before_the_time_is_over(lane: ScoringLane) -> None:
    log = Log()
    await begun(lane, log)
    assert [told(each) for each in await lane.settle_journeys(segment(log, 1))] == [[]]
    await lane.settle_journeys(segment(log, 1, "exited"))
    lane.turn(days=89)
    assert [told(each) for each in await lane.settle_journeys(segment(log, 1))] == [[]]
    lane.turn(days=1)
    (again,) = await lane.settle_journeys(segment(log, 1))
    assert told(again)[0] == ("hello", "entered")
    assert await states(lane) == [("exited", "left_segment"), ("active", None)]


async def test_leaving_the_segment_and_converting_end_it_and_nothing_more_is_sent(lane: ScoringLane) -> None:
    log = Log()
    for n in (1, 2):
        outcome = await begun(lane, log, n)
        if n == 1:
            await lane.settle_journeys(*published(log, outcome))
    (left,) = await lane.settle_journeys(segment(log, 1, "exited"))
    assert told(left) == [("pause", "exited")]
    converted = orjson.dumps({"lead_id": lead_id(2)})
    (ended,) = await lane.settle_journeys(log.record(CONVERTED, "opportunity.converted", converted))
    assert told(ended) == [("pause", "exited")]
    assert sorted(await states(lane), key=str) == [("exited", "converted"), ("exited", "left_segment")]
    assert {row["state"] for row in await lane.fetch("SELECT state FROM journey_sends")} == {"dropped"}
    lane.turn(days=5)
    assert await due(lane, log) == []


async def test_caps_count_the_messages_of_all_journeys(lane: ScoringLane) -> None:
    log = Log()
    two = RULES.replace("  - id: welcome", "  - id: other\n    segment: nurture\n    steps:\n"
                        "      - {id: a, send: {channel: email, text: a}}\n"
                        "      - {id: b, send: {channel: email, text: b}}\n  - id: welcome")  # fmt: skip
    await lane.settle(log.publish(two, kind="journeys", command=2))
    outcome = await begun(lane, log)
    actions = [action for _, action in told(outcome)]
    assert actions.count("sent") == 2 and actions.count("held") == 1
    lane.turn(days=7)
    moved = await lane.settle_journeys(*await due(lane, log))
    assert [action for each in moved for _, action in told(each)].count("sent") == 1


class Desk:
    """Sends what is due to a channel of a test's own, which may say no."""

    def __init__(self, lane: ScoringLane, folder: Path) -> None:
        self.got: list[Rendered] = []
        self.says: BaseException | None = None
        service = cast(Service, SimpleNamespace(database=lane.database, clock=lambda: lane.now))
        self.sending = Sending(service, active_journeys(), {}, ScoringSettings(channels_folder=folder))
        self.sending._sinks["email"] = self

    async def deliver(self, message: Rendered) -> None:
        self.got.append(message)
        if self.says is not None:
            raise self.says


@pytest.fixture
def desk(lane: ScoringLane, tmp_path: Path) -> Desk:
    return Desk(lane, tmp_path)


async def sends(lane: ScoringLane) -> list[tuple[str, str | None, int]]:
    rows = await lane.fetch("SELECT state, reason, attempts FROM journey_sends ORDER BY decided_at, step")
    return [(row["state"], row["reason"], row["attempts"]) for row in rows]


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
