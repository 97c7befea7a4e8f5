"""Dead letters of the lanes that keep no decisions, replayed on real Postgres: applied once, however often asked for."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from shared.contracts.envelope import Envelope
from shared.contracts.topics import COMMANDS_COMPLETED, JOURNEYS, SCORING_COMMANDS
from shared.handling.outcomes import Produced, Rejected, Skipped
from shared.handling.records import Record
from tests.support.replaying import FIRST_LETTER, replay_command, replay_of
from tests.support.scoring import Log, ScoringLane, lead_id, scoring_lane
from tests.support.stack import Servers

pytestmark = pytest.mark.stack

SEGMENTS = """
kind: segments
name: test
segments:
  - {id: chiefs, when: {field: title, eq: CEO}}
"""
JOURNEY = """
kind: journeys
name: test
journeys:
  - {id: welcome, segment: chiefs, again_after_days: 1, steps: [{id: hello, send: {channel: email, text: Hello}}]}
"""
BUG = """
    CREATE FUNCTION bug() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'a bug'; END $$;
    CREATE TRIGGER bug BEFORE INSERT ON segment_leads FOR EACH ROW EXECUTE FUNCTION bug();
    CREATE TRIGGER bug BEFORE INSERT ON journey_runs FOR EACH ROW EXECUTE FUNCTION bug();
"""
FIXED = "DROP FUNCTION bug CASCADE"


@pytest.fixture
async def lane(own: Servers) -> AsyncIterator[ScoringLane]:
    async with scoring_lane(own.postgres) as made:
        log = Log(1_000_000)
        await made.settle(log.publish(SEGMENTS, kind="segments", command=98))
        await made.settle(log.publish(JOURNEY, kind="journeys", command=99))
        yield made


async def run(lane: ScoringLane, *statements: str) -> None:
    async with lane.database.transaction(lane.now) as work:
        for statement in statements:
            await work.db.execute(statement)


def replay(n: int, record: Record, group: str, **more: Any) -> Record:
    """The n-th command that takes a letter of the group again, with the record's headers as they were."""
    headers = Envelope(record.event_id, record.type, record.source, record.subject, "2026-01-05T10:00:00Z").headers()
    wanted = replay_of(record._replace(headers=tuple(headers)), **more).model_copy(update={"group": group})
    return replay_command(n, wanted, topic=SCORING_COMMANDS)


def told(outcome: Any) -> list[str]:
    """What went out beside the answer."""
    assert isinstance(outcome, Produced), outcome
    return [event.envelope.type for event in outcome.events if event.topic == JOURNEYS]


def answer(outcome: Any) -> dict[str, Any]:
    (event,) = [each for each in outcome.events if each.topic == COMMANDS_COMPLETED]
    said: dict[str, Any] = orjson.loads(event.data)
    return said


def entered(log: Log, n: int) -> Record:
    value = orjson.dumps({"lead_id": lead_id(n), "segment": "chiefs"})
    return log.record(JOURNEYS, "segment.entered", value, key=lead_id(n))


async def test_a_letter_of_the_lane_of_segments_is_applied_once(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.captured(1, title="CEO"))
    bad = log.scored(1)
    await run(lane, BUG)
    (dead,) = await lane.settle_segments(bad)
    assert isinstance(dead, Rejected) and dead.reason == "processing_failed"
    await run(lane, FIXED)
    commands = [replay(n, bad, "scoring-segments") for n in range(3)]
    first, *others = await lane.settle(*commands)
    assert told(first) == ["segment.entered"] and [told(each) for each in others] == [[], []]
    assert [answer(each)["result"]["replayed"] for each in (first, *others)] == [True, False, False]
    (redelivered,) = await lane.settle(commands[0])
    assert redelivered.events == first.events
    (late,) = await lane.settle(replay(9, bad, "scoring-segments"))
    assert (answer(late)["result"]["replayed"], told(late)) == (False, [])
    assert len(await lane.fetch("SELECT 1 FROM segment_moves")) == 1


async def test_what_scorings_own_lane_decided_of_the_same_record_does_not_answer_for_it(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.captured(1), log.captured(2, title="CEO"))
    await lane.settle_segments(log.scored(1), log.scored(2))
    merge = log.merged(1, 2, 5, title="CEO")
    await lane.settle(merge)
    await run(lane, BUG.replace("BEFORE INSERT ON segment_leads", "BEFORE UPDATE ON segment_leads"))
    (dead,) = await lane.settle_segments(merge)
    assert isinstance(dead, Rejected)
    await run(lane, FIXED)
    (own,) = await lane.settle(replay(1, merge, "scoring"))
    assert (answer(own)["result"]["replayed"], told(own)) == (False, [])
    (done,) = await lane.settle(replay(2, merge, "some-prefix.scoring-segments"))
    assert answer(done)["result"]["replayed"] and sorted(told(done)) == ["segment.entered", "segment.exited"]


async def test_a_letter_of_the_lane_of_journeys_begins_a_run_once(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.captured(1, title="CEO"))
    await lane.settle_segments(log.scored(1))
    bad = entered(log, 1)
    await run(lane, BUG)
    (dead,) = await lane.settle_journeys(bad)
    assert isinstance(dead, Rejected)
    (failed,) = await lane.settle(replay(1, bad, "x.scoring-journeys"))
    (letter,) = failed.letters
    assert (letter.group, dict(letter.marks)["dlq-replay-of"]) == ("x.scoring-journeys", FIRST_LETTER)
    await run(lane, FIXED)
    first, second = await lane.settle(*(replay(n, bad, "x.scoring-journeys", attempt=2) for n in (2, 3)))
    assert (told(first), told(second)) == (["journey.advanced"] * 2, [])
    lane.turn(days=2)  # it might begin again now
    (late,) = await lane.settle(replay(4, bad, "x.scoring-journeys"))
    assert (told(late), answer(late)["result"]["replayed"]) == ([], False)
    assert len(await lane.fetch("SELECT 1 FROM journey_runs")) == 1


async def test_an_edited_letter_is_applied_once_and_another_edit_is_refused(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.captured(1, title="CEO"))
    await lane.settle_segments(log.scored(1))
    good = entered(log, 1)
    bad = good._replace(value=b'{"segment": "chiefs"}')
    (dead,) = await lane.settle_journeys(bad)
    assert dead == Rejected("invalid_contract", place="lead_id", exception="ValidationError")
    (done,) = await lane.settle(replay(1, bad, "scoring-journeys", value=good.value))
    assert told(done) == ["journey.advanced"] * 2
    (again,) = await lane.settle(replay(2, bad, "scoring-journeys", value=good.value))
    assert (answer(again)["status"], answer(again)["reason"]) == ("refused", "already_applied")


async def test_replays_of_a_letter_in_two_processes_at_once_apply_it_once(lane: ScoringLane, own: Servers) -> None:
    log = Log()
    await lane.settle(log.captured(1, title="CEO"))
    await lane.settle_segments(log.scored(1))
    bad = entered(log, 1)
    async with scoring_lane(own.postgres) as other:
        answers = await asyncio.gather(
            *(each.settle(replay(n, bad, "scoring-journeys")) for n, each in enumerate((lane, other, lane, other))),
            return_exceptions=True,
        )
    said = [
        answer(outcome)["result"]["replayed"] for result in answers if isinstance(result, list) for outcome in result
    ]
    assert said.count(True) == 1
    assert len(await lane.fetch("SELECT 1 FROM journey_runs")) == 1


async def test_what_nobody_can_read_is_one_letter_and_mended_all_lanes_take_it_once(lane: ScoringLane) -> None:
    log = Log()
    counting = SEGMENTS.replace("segments:\n", "counts: {views: {kinds: [page.viewed], days: 30}}\nsegments:\n")
    await lane.settle(log.publish(counting.replace("{field: title, eq: CEO}", "{field: activity.views, gte: 1}"),
                                  kind="segments", command=7))  # fmt: skip
    await lane.settle(log.captured(1))
    await lane.settle_segments(log.scored(1))
    good = log.did(1, "page.viewed", lane.now)
    bad = good._replace(value=b"nonsense")
    (dead,) = await lane.settle(bad)
    assert isinstance(dead, Rejected) and dead.reason == "invalid_contract"
    for passes_over in (lane.settle_segments, lane.settle_journeys, lane.settle_segments):
        assert await passes_over(bad) == [Skipped("unreadable")]

    (still,) = await lane.settle(replay(1, bad, "x.scoring-behaviour"))
    assert (answer(still)["status"], len(still.letters)) == ("dead_lettered", 1)
    command = replay(2, bad, "x.scoring-behaviour", value=good.value)
    (done,) = await lane.settle(command)
    assert answer(done)["result"]["replayed"] and told(done) == ["segment.entered"]
    assert len(await lane.fetch("SELECT 1 FROM segment_behaviours")) == 1
    (redelivered,) = await lane.settle(command)
    assert redelivered.events == done.events
    for n, group in ((3, "x.scoring-behaviour"), (4, "x.scoring-segments"), (5, "x.scoring-journeys")):
        (again,) = await lane.settle(replay(n, bad, group, value=good.value))
        assert (answer(again)["reason"], told(again)) == ("already_applied", [])


async def test_a_lane_whose_own_contract_refuses_what_was_mended_has_a_letter_of_its_own(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.captured(1), log.captured(2))
    good = log.merged(1, 2, 5)
    bad = good._replace(value=b"[]")
    assert isinstance((await lane.settle(bad))[0], Rejected)
    assert await lane.settle_segments(bad) == [Skipped("unreadable")]
    await run(
        lane, BUG.replace("INSERT ON segment_leads", "INSERT ON aliases").replace("journey_runs", "journey_sends")
    )
    (failed,) = await lane.settle(replay(1, bad, "x.scoring", value=good.value))
    assert {letter.group for letter in failed.letters} >= {"x.scoring-segments"}
    await run(lane, FIXED)
    (done,) = await lane.settle(replay(2, bad, "x.scoring-segments", value=good.value))
    assert answer(done)["result"]["replayed"]
