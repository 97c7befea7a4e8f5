"""Replays of capture's dead letters on a real Postgres: tried once more under the original id, applied once."""

import asyncio
from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from services.capture.adapters.postgres.receipts import PostgresReceiptBook
from services.capture.domain.reading import read_documents
from services.capture.handlers import capture_leads
from shared.contracts.commands.replay import ReplayRecord
from shared.contracts.topics import COMMANDS_COMPLETED
from shared.handling.outcomes import Produced, Rejected
from shared.handling.records import Record
from shared.messaging.settling import ATTEMPTS, BAD_IN_A_ROW, EverythingBad, Settled
from tests.support.capture import Bench, record
from tests.support.replaying import FIRST_LETTER, replay_of
from tests.support.replaying import replay_command as command
from tests.support.stack import Servers

pytestmark = pytest.mark.stack


class Bug:
    """Certain submissions cannot be read, until it is fixed."""

    def __init__(self) -> None:
        self.fixed = False

    def read_documents(self, documents: Sequence[Any], **more: Any) -> Any:
        if not self.fixed and any("poison" in str(document) for document in documents):
            raise ZeroDivisionError("a bug in the handler")
        return read_documents(documents, **more)


@pytest.fixture
def bug(monkeypatch: pytest.MonkeyPatch) -> Bug:
    planted = Bug()
    monkeypatch.setattr(capture_leads, "read_documents", planted.read_documents)
    return planted


@pytest.fixture
def fragile(bench: Bench, bug: Bug) -> Bench:
    return bench


def submitted(offset: int, email: str, *, ce_id: str | None = None, **more: Any) -> Record:
    """As a partner's own producer writes it."""
    ce_id = ce_id or f"evt-{offset}"
    time = ("ce_time", b"2026-03-01T10:00:00Z")
    headers = (("ce_source", b"web"), ("ce_id", ce_id.encode()), time, ("ls_row", str(offset).encode()))
    made = record(offset, {"email": email, **more}, ce_id=ce_id, headers=headers)
    return made._replace(time="2026-03-01T10:00:00Z")


def completed(settled: Settled) -> dict[str, Any]:
    assert isinstance(settled.outcome, Produced)
    (event,) = [each for each in settled.outcome.events if each.topic == COMMANDS_COMPLETED]
    said: dict[str, Any] = orjson.loads(event.data)
    return said


def others(settled: Settled) -> list[Any]:
    assert isinstance(settled.outcome, Produced)
    return [event for event in settled.outcome.events if event.topic != COMMANDS_COMPLETED]


async def receipt_of(bench: Bench, record: Record) -> dict[str, Any]:
    """The receipt of an event's first record."""
    async with bench.database.transaction(bench.now) as work:
        first: dict[str, Any] = (await PostgresReceiptBook().read(work, record.event_id))[0]
    return first


async def test_a_poisonous_lead_replayed_three_times_at_once_and_again_is_applied_once(
    fragile: Bench, bug: Bug
) -> None:
    bad = submitted(1, "poison@example.com")
    (dead,) = await fragile.settle(bad)
    assert isinstance(dead.outcome, Rejected)
    assert (await receipt_of(fragile, bad))["outcome"] == "dead_lettered"
    bug.fixed = True
    commands = [command(n, replay_of(bad)) for n in range(3)]
    settled = await fragile.settle(*commands)
    said = [completed(each) for each in settled]
    assert [s["status"] for s in said] == ["done"] * 3
    assert [s["result"]["replayed"] for s in said] == [True, False, False]
    assert [s["result"]["outcome"] for s in said] == ["new"] * 3
    (captured,) = others(settled[0])
    assert not others(settled[1])
    data = orjson.loads(captured.data)
    assert data["origin"]["inbound"]["offset"] == 1
    assert data["origin"]["received_at"] == "2026-03-01T11:53:20.001000Z"
    receipt = await receipt_of(fragile, bad)
    assert (receipt["outcome"], receipt["reason"], receipt["row_number"]) == ("new", None, 1)
    # A later one finds it standing, and so does the original itself, should it come again.
    (later,) = await fragile.settle(command(9, replay_of(bad)))
    assert completed(later)["result"]["replayed"] is False
    (again,) = await fragile.settle(bad)
    assert isinstance(again.outcome, Produced) and again.outcome.events[0].envelope == captured.envelope
    assert len(await fragile.fetch("SELECT 1 FROM leads WHERE lead_version = 1")) == 1


async def test_a_culprit_at_the_end_of_its_partition_is_marked_as_stored(fragile: Bench) -> None:
    """Else the database looks older than Kafka at the next start, and the service refuses to go on."""
    for records in (
        [submitted(1, "poison@example.com")],
        [submitted(2, "ann@example.com"), submitted(3, "poison@b.com")],
    ):
        await fragile.settle(*records)
        (mark,) = await fragile.fetch("SELECT stored_to FROM marks")
        assert mark["stored_to"] == records[-1].offset + 1


async def test_of_many_culprits_with_one_failure_only_the_first_is_tried_again(fragile: Bench) -> None:
    """The tries are there for flukes, and cost a tenth of a second each."""
    batch = [submitted(n, f"{'poison' if n % 2 else 'fine'}{n}@example.com") for n in range(12)]
    outcomes = [each.outcome for each in await fragile.settle(*batch)]
    assert [o.attempts for o in outcomes if isinstance(o, Rejected)] == [ATTEMPTS, 1, 1, 1, 1, 1]
    assert sum(isinstance(o, Produced) for o in outcomes) == 6


async def test_culprits_before_a_success_are_buried_whatever_comes_after(fragile: Bench) -> None:
    """Twenty in a row stop the consumer with nothing buried of these; what failed before a success is."""
    bad = [submitted(n, f"poison{n}@example.com") for n in range(2, 2 + BAD_IN_A_ROW)]
    with pytest.raises(EverythingBad):
        await fragile.settle(submitted(0, "poison@example.com"), submitted(1, "ann@example.com"), *bad)
    found = await fragile.fetch('SELECT "offset", outcome FROM decisions ORDER BY "offset"')
    assert [tuple(row) for row in found] == [(0, "dead_lettered"), (1, "new")]


async def test_a_redelivered_replay_publishes_the_same_and_changes_nothing(fragile: Bench, bug: Bug) -> None:
    bad = submitted(1, "poison@example.com")
    await fragile.settle(bad)
    (failed,) = await fragile.settle(command(1, replay_of(bad)))
    bug.fixed = True
    (done,) = await fragile.settle(command(2, replay_of(bad)))
    (done_again,) = await fragile.settle(command(2, replay_of(bad)))
    assert isinstance(done.outcome, Produced) and isinstance(done_again.outcome, Produced)
    assert done_again.outcome.events == done.outcome.events
    (failed_again,) = await fragile.settle(command(1, replay_of(bad)))
    assert isinstance(failed.outcome, Produced) and isinstance(failed_again.outcome, Produced)
    assert failed_again.outcome.events == failed.outcome.events
    assert [letter.why.reason for letter in failed_again.outcome.letters] == ["processing_failed"]
    assert len(await fragile.fetch("SELECT 1 FROM leads WHERE lead_version = 1")) == 1


async def test_what_fails_again_is_a_new_letter_linked_to_the_first_and_costs_nobody_else(fragile: Bench) -> None:
    bad = [submitted(n, f"poison{n}@example.com") for n in range(2)]
    good = submitted(7, "ann@example.com")
    await fragile.settle(*bad)
    replays = [command(n, replay_of(one, attempt=3)) for n, one in enumerate((*bad, good))]
    settled = await fragile.settle(*replays)
    assert [completed(each)["status"] for each in settled] == ["dead_lettered", "dead_lettered", "done"]
    assert isinstance(settled[0].outcome, Produced)
    (letter,) = settled[0].outcome.letters
    assert (letter.record.event_id, letter.record.value) == (bad[0].event_id, bad[0].value)
    assert dict(letter.marks) == {"dlq-replay-of": FIRST_LETTER, "dlq-replay-attempt": "3"}
    assert "poison" not in letter.why.exception and "ZeroDivisionError" in letter.why.exception


async def test_replays_that_fail_never_stop_the_consumer(fragile: Bench) -> None:
    """They are tried on purpose: more than BAD_IN_A_ROW of them are no bad deploy."""
    many = [submitted(n, f"poison{n}@example.com") for n in range(BAD_IN_A_ROW + 5)]
    for n, one in enumerate(many):
        await fragile.settle(one, submitted(100 + n, f"good{n}@example.com"))
    settled = await fragile.settle(*(command(n, replay_of(one)) for n, one in enumerate(many)))
    assert {completed(each)["status"] for each in settled} == {"dead_lettered"}


async def test_an_edited_record_keeps_id_and_time_and_its_source_may_send_it_again(fragile: Bench) -> None:
    bad = submitted(1, "poison@example.com")
    await fragile.settle(bad)
    mended = orjson.dumps({"email": "mended@example.com"})
    (done,) = await fragile.settle(command(1, replay_of(bad, value=mended)))
    (captured,) = others(done)
    data = orjson.loads(captured.data)
    assert data["lead"]["email"] == "mended@example.com"
    assert data["lead"]["first_touch"]["occurred_at"] == "2026-03-01T10:00:00Z"
    (late,) = await fragile.settle(command(2, replay_of(bad, value=orjson.dumps({"email": "other@example.com"}))))
    assert (completed(late)["status"], completed(late)["reason"]) == ("refused", "already_applied")
    (repeat,) = await fragile.settle(submitted(2, "poison@example.com", ce_id="evt-1"))
    assert isinstance(repeat.outcome, Produced)
    assert (repeat.outcome.outcome, repeat.outcome.reason) == ("merged", "repeated_event")


async def test_a_dead_repeat_is_settled_as_a_repeat_once_the_first_is_applied(fragile: Bench, bug: Bug) -> None:
    first, repeat = submitted(1, "poison@example.com"), submitted(2, "poison@example.com", ce_id="evt-1")
    await fragile.settle(first, repeat)
    bug.fixed = True
    settled = await fragile.settle(command(1, replay_of(first)), command(2, replay_of(repeat)))
    assert [completed(each)["result"]["outcome"] for each in settled] == ["new", "merged"]
    (again,) = await fragile.settle(command(2, replay_of(repeat)))
    assert isinstance(again.outcome, Produced) and isinstance(settled[1].outcome, Produced)
    assert again.outcome.events == settled[1].outcome.events
    assert len(await fragile.fetch("SELECT 1 FROM leads WHERE lead_version = 1")) == 1


async def test_what_is_no_replay_of_ours_is_refused(fragile: Bench) -> None:
    bad = submitted(1, "ann@example.com")
    elsewhere = replay_of(bad._replace(topic="leads.scored.v1"))
    nonsense = replay_of(bad)
    nonsense = nonsense.model_copy(update={"record": nonsense.record.model_copy(update={"value": "not base64!"})})
    nested = replay_of(command(5, replay_of(bad)))
    settled = await fragile.settle(command(1, elsewhere), command(2, nonsense), command(3, nested))
    reasons = [completed(each)["reason"] for each in settled]
    assert reasons == ["unknown_topic", "unreadable_record", "not_replayable"]
    forged = record(9, replay_of(bad).model_dump(mode="json"), record_type=ReplayRecord.TYPE)
    (dead,) = await fragile.settle(forged)
    assert dead.outcome == Rejected("unknown_type")


async def test_replays_that_race_in_two_processes_apply_once(fragile: Bench, bug: Bug, own: Servers) -> None:
    """Another process has the same dead letter in another command, at the same moment."""
    bad = submitted(1, "poison@example.com")
    await fragile.settle(bad)
    bug.fixed = True
    other = Bench(own.postgres)
    try:
        answers = await asyncio.gather(
            *(bench.settle(command(n, replay_of(bad))) for n, bench in enumerate((fragile, other, fragile, other)))
        )
    finally:
        await other.database.dispose()
    said = [completed(settled)["result"]["replayed"] for (settled,) in answers]
    assert sorted(said) == [False, False, False, True]
    assert len(await fragile.fetch("SELECT 1 FROM leads WHERE lead_version = 1")) == 1


async def test_what_was_refused_is_mended_and_applied_once_however_often_replayed(bench: Bench) -> None:
    bad = submitted(1, "")
    (refused,) = await bench.settle(bad)
    assert isinstance(refused.outcome, Produced) and refused.outcome.outcome == "rejected"
    mended = orjson.dumps({"email": "ann@example.com"})
    settled = await bench.settle(*(command(n, replay_of(bad, value=mended)) for n in range(3)))
    assert [completed(each)["status"] for each in settled] == ["done", "refused", "refused"]
    assert {completed(each)["reason"] for each in settled[1:]} == {"already_applied"}
    (captured,) = others(settled[0])
    data = orjson.loads(captured.data)
    assert (data["outcome"], data["origin"]["inbound"]["offset"]) == ("new", 1)
    assert data["lead"]["first_touch"]["occurred_at"] == "2026-03-01T10:00:00Z"
    receipt = await receipt_of(bench, bad)
    assert (receipt["outcome"], receipt["reason"], receipt["field"]) == ("new", None, None)
    assert (receipt["lead_id"], receipt["row_number"]) == (data["lead"]["lead_id"], 1)
    # The record itself, read once more, says what stands now; its source, sending the same again, repeats it.
    redelivered, repeat = await bench.settle(bad, submitted(2, "", ce_id="evt-1"))
    assert isinstance(redelivered.outcome, Produced) and redelivered.outcome.events[0].envelope == captured.envelope
    assert isinstance(repeat.outcome, Produced) and repeat.outcome.outcome == "merged"
    assert len(await bench.fetch("SELECT 1 FROM leads WHERE lead_version = 1")) == 1


async def test_what_is_refused_again_may_be_replayed_again(bench: Bench) -> None:
    bad = submitted(1, "")
    await bench.settle(bad)
    first, second = await bench.settle(
        command(1, replay_of(bad)), command(2, replay_of(bad, value=b'{"email": "ann@example.com", "employees": []'))
    )
    said = [completed(each)["result"] for each in (first, second)]
    assert [(each["outcome"], each["outcome_reason"]) for each in said] == [
        ("rejected", "no_identifier"),
        ("rejected", "invalid_json"),
    ]
    assert (await receipt_of(bench, bad))["reason"] == "invalid_json"
    (done,) = await bench.settle(command(3, replay_of(bad, value=b'{"email": "ann@example.com"}')))
    assert completed(done)["result"]["outcome"] == "new"
    (again,) = await bench.settle(command(1, replay_of(bad)))
    assert completed(again) == completed(first)
    assert (await receipt_of(bench, bad))["outcome"] == "new"


async def test_a_refusal_that_was_a_repeat_stays_when_the_first_is_replayed(bench: Bench) -> None:
    """Another body under an id that was taken, and the same one again: what is mended is the first."""
    first, same, other = submitted(1, ""), submitted(2, "", ce_id="evt-1"), submitted(3, "b@example.com", ce_id="evt-1")
    before = await bench.settle(first, same, other)
    (conflict,) = await bench.settle(command(1, replay_of(other)))
    assert completed(conflict)["result"]["outcome_reason"] == "id_conflict"
    await bench.settle(command(2, replay_of(first, value=b'{"email": "ann@example.com"}')))
    after = await bench.settle(same, other)
    for was, now in zip(before[1:], after, strict=True):
        assert isinstance(was.outcome, Produced) and isinstance(now.outcome, Produced)
        assert now.outcome.events == was.outcome.events
    assert len(await bench.fetch("SELECT 1 FROM leads WHERE lead_version = 1")) == 1


async def test_a_refused_replay_that_fails_is_a_dead_letter_and_the_refusal_stands(fragile: Bench, bug: Bug) -> None:
    bad = submitted(1, "")
    await fragile.settle(bad)
    poison = replay_of(bad, value=b'{"email": "poison@example.com"}')
    (failed,) = await fragile.settle(command(1, poison))
    assert isinstance(failed.outcome, Produced) and len(failed.outcome.letters) == 1
    assert completed(failed)["status"] == "dead_lettered"
    assert (await receipt_of(fragile, bad))["outcome"] == "rejected"
    bug.fixed = True
    (done,) = await fragile.settle(command(2, poison))
    assert completed(done)["result"]["outcome"] == "new"


async def test_replays_of_a_refusal_that_race_in_two_processes_apply_once(bench: Bench, own: Servers) -> None:
    bad = submitted(1, "")
    await bench.settle(bad)
    mended = replay_of(bad, value=b'{"email": "ann@example.com"}')
    other = Bench(own.postgres)
    try:
        answers = await asyncio.gather(
            *(each.settle(command(n, mended)) for n, each in enumerate((bench, other, bench, other)))
        )
    finally:
        await other.database.dispose()
    assert sorted(completed(settled)["status"] for (settled,) in answers) == ["done", "refused", "refused", "refused"]
    assert len(await bench.fetch("SELECT 1 FROM leads WHERE lead_version = 1")) == 1
