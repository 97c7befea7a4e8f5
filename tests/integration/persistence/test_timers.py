"""Timers: sent once, in order, by whichever replica; moved and cancelled ones never act."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest

from shared.contracts.envelope import header_map
from shared.contracts.topics import SCORING_COMMANDS
from shared.handling.outcomes import Outcome, Produced, Skipped
from shared.handling.records import Record
from shared.messaging.raw_producer import IntakeUnavailable, RawRecord
from shared.messaging.settling import Settling
from shared.persistence.database import Database
from shared.persistence.timers import LONGEST_PAYLOAD, Timer, add_timers, cancel_timers, set_timers, timer_id
from shared.runtime.sweeper import Sweeper
from tests.support.timer_hop import START, Ring, bell, database, subject, subscription

pytestmark = pytest.mark.stack
TOPIC_ID = "11111111-2222-4333-8444-555555555555"
LEASE = timedelta(seconds=10)


@dataclass
class Belfry:
    """A service's database, a clock that stands still until it is turned, and what its sweepers have sent."""

    database: Database
    now: datetime = START
    sent: list[RawRecord] = field(default_factory=list)
    unavailable: bool = False
    _offset: int = 0

    def sweeper(self, batch: int = 100) -> Sweeper:
        return Sweeper("scoring", self.database, self._send, lambda: self.now, batch=batch, lease=LEASE)

    async def _send(self, topic: str, records: Sequence[RawRecord]) -> None:
        assert topic == SCORING_COMMANDS
        if self.unavailable:
            raise IntakeUnavailable
        self.sent.extend(records)

    def turn(self, **by: float) -> None:
        self.now += timedelta(**by)

    async def set(self, *timers: Timer) -> None:
        async with self.database.transaction(self.now) as work:
            await set_timers(work, timers)

    async def cancel(self, *ns: int) -> None:
        async with self.database.transaction(self.now) as work:
            await cancel_timers(work, [timer_id(Ring.TYPE, subject(n)) for n in ns])

    def bells(self) -> list[int]:
        return [orjson.loads(record.value)["n"] for record in self.sent]

    async def take(self, sent: Sequence[RawRecord]) -> list[Outcome | None]:
        """What the service makes of these commands, as a batch."""
        settling = Settling(subscription(), "bells", self.database, lambda: self.now)
        return [settled.outcome for settled in await settling.settle([self._record(one) for one in sent], {})]

    def _record(self, sent: RawRecord) -> Record:
        head = {name: value.decode() for name, value in header_map(sent.headers).items()}
        self._offset += 1
        place = (SCORING_COMMANDS, TOPIC_ID, 0, self._offset, 0)
        envelope = (head["ce_id"], head["ce_type"], head["ce_source"], head["ce_subject"], head["ce_time"])
        return Record(*place, sent.key, sent.value, (), *envelope)

    async def rows(self) -> list[dict[str, Any]]:
        async with self.database.transaction(self.now) as work:
            return [dict(row) for row in await work.fetch("SELECT * FROM timers ORDER BY due_at, timer_id")]


@pytest.fixture
async def belfry(dsn: str) -> AsyncIterator[Belfry]:
    opened = database(dsn)
    async with opened.transaction(START) as work:
        await work.execute("TRUNCATE timers, decisions, marks")
    yield Belfry(opened)
    await opened.dispose()


async def test_a_timer_is_sent_when_it_is_due_and_not_before(belfry: Belfry) -> None:
    await belfry.set(bell(1), bell(60))
    assert await belfry.sweeper().sweep() == 0
    belfry.turn(seconds=1)
    assert await belfry.sweeper().sweep() == 1
    assert await belfry.sweeper().sweep() == 0
    assert belfry.bells() == [1]
    (command,) = belfry.sent
    head = header_map(command.headers)
    assert head["ce_type"] == b"bell.ring" and command.key == subject(1).encode()
    assert Ring.model_validate_json(command.value).due_at == "2026-03-01T12:00:01Z"


async def test_the_command_acts_once_however_often_it_comes(belfry: Belfry) -> None:
    await belfry.set(bell(1))
    belfry.turn(seconds=5)
    await belfry.sweeper().sweep()
    (first,) = await belfry.take(belfry.sent)
    assert isinstance(first, Produced) and first.outcome == "rung"
    assert await belfry.take([*belfry.sent, *belfry.sent]) == [Skipped("repeated_event")] * 2
    assert await belfry.rows() == []


async def test_of_two_commands_of_one_setting_in_a_batch_the_first_acts(belfry: Belfry) -> None:
    """Whoever made the second: its id is its own, so that it is no repetition."""
    await belfry.set(bell(1))
    belfry.turn(seconds=5)
    await belfry.sweeper().sweep()
    (sent,) = belfry.sent
    headers = [(name, subject(2).encode() if name == "ce_id" else value) for name, value in sent.headers]
    first, second = await belfry.take([sent, replace(sent, headers=headers)])
    assert isinstance(first, Produced) and second == Skipped("timer_not_live")


async def test_a_batch_that_was_never_acknowledged_is_sent_again_under_the_same_ids(belfry: Belfry) -> None:
    await belfry.set(bell(1), bell(2))
    belfry.turn(seconds=5)
    belfry.unavailable = True
    with pytest.raises(IntakeUnavailable):
        await belfry.sweeper().sweep()
    belfry.unavailable = False
    assert await belfry.sweeper().sweep() == 0, "the lease still runs: the first try may have landed"
    belfry.turn(seconds=11)
    assert await belfry.sweeper().sweep() == 2
    again = belfry.sent[:]
    async with belfry.database.transaction(belfry.now) as work:
        await work.execute("UPDATE timers SET done_at = NULL, leased_until = NULL")
    await belfry.sweeper().sweep()
    assert belfry.sent == [*again, *again]


async def test_a_lease_under_a_clock_that_ran_ahead_holds_nobody_up(belfry: Belfry) -> None:
    """Its process was killed before it had sent anything."""
    await belfry.set(bell(1))
    belfry.turn(hours=1)
    belfry.unavailable = True
    with pytest.raises(IntakeUnavailable):
        await belfry.sweeper().sweep()
    belfry.turn(minutes=-59)
    belfry.unavailable = False
    assert await belfry.sweeper().sweep() == 1
    assert belfry.bells() == [1]


async def test_a_moved_timer_fires_at_its_new_time_only(belfry: Belfry) -> None:
    await belfry.set(bell(1))
    belfry.turn(seconds=5)
    await belfry.sweeper().sweep()
    await belfry.set(bell(1, START + timedelta(seconds=30)))
    assert await belfry.take(belfry.sent) == [Skipped("timer_not_live")]
    assert await belfry.sweeper().sweep() == 0
    belfry.turn(seconds=30)
    await belfry.sweeper().sweep()
    first, second = (header_map(record.headers)["ce_id"] for record in belfry.sent)
    assert first != second
    (outcome,) = await belfry.take(belfry.sent[1:])
    assert isinstance(outcome, Produced)


async def test_a_timer_moved_while_it_is_being_sent_is_not_noted_as_sent(belfry: Belfry) -> None:
    await belfry.set(bell(1))
    belfry.turn(seconds=5)

    async def move(_topic: str, _records: Sequence[RawRecord]) -> None:
        await belfry.set(bell(1, START + timedelta(seconds=30)))

    await Sweeper("scoring", belfry.database, move, lambda: belfry.now).sweep()
    (row,) = await belfry.rows()
    assert row["done_at"] is None and row["due_at"] == START + timedelta(seconds=30)


async def test_a_cancelled_timer_never_acts_and_can_be_set_again(belfry: Belfry) -> None:
    await belfry.set(bell(1), bell(2))
    belfry.turn(seconds=5)
    await belfry.sweeper().sweep()
    await belfry.cancel(1, 3)
    cancelled, rung = await belfry.take(belfry.sent)
    assert cancelled == Skipped("timer_not_live") and isinstance(rung, Produced)
    await belfry.set(bell(1))
    await belfry.sweeper().sweep()
    (anew,) = await belfry.take(belfry.sent[2:])
    assert isinstance(anew, Produced), "the new setting is another one than that which was sent and cancelled"


async def test_a_service_that_was_down_catches_up_in_order_whoever_sweeps(belfry: Belfry) -> None:
    await belfry.set(*(bell(n) for n in range(50, 0, -1)))
    belfry.turn(days=3)
    sweepers = [belfry.sweeper(batch=7) for _ in range(3)]
    while len(belfry.sent) < 50:
        await asyncio.gather(*(one.sweep() for one in sweepers))
    assert belfry.bells() == list(range(1, 51))


async def test_two_sweepers_never_have_a_batch_each(belfry: Belfry) -> None:
    await belfry.set(*(bell(n) for n in range(1, 5)))
    belfry.turn(minutes=1)
    counts: list[int] = []

    async def sweep_meanwhile(_topic: str, _records: Sequence[RawRecord]) -> None:
        counts.append(await belfry.sweeper(batch=2).sweep())

    await Sweeper("scoring", belfry.database, sweep_meanwhile, lambda: belfry.now, batch=2, lease=LEASE).sweep()
    assert counts == [0] and belfry.sent == []


async def test_of_several_settings_at_once_the_last_stands(belfry: Belfry) -> None:
    await belfry.set(bell(1), bell(1, START + timedelta(hours=1)))
    (row,) = await belfry.rows()
    assert row["due_at"] == START + timedelta(hours=1)


async def test_timers_of_one_kind_and_subject_are_told_apart_by_name(belfry: Belfry) -> None:
    await belfry.set(bell(1), bell(1)._replace(name="second"))
    assert len(await belfry.rows()) == 2


async def test_a_payload_that_no_command_should_carry_is_refused(belfry: Belfry) -> None:
    with pytest.raises(ValueError, match="16384 at most"):
        await belfry.set(bell(1)._replace(payload={"n": 1, "pad": "x" * LONGEST_PAYLOAD}))


async def test_an_added_timer_brings_one_forward_and_never_puts_it_off_or_repeats_what_is_sent(belfry: Belfry) -> None:
    async def add(minutes: int) -> datetime:
        async with belfry.database.transaction(belfry.now) as work:
            await add_timers(work, [bell(1, START + timedelta(minutes=minutes))])
        (row,) = await belfry.rows()
        return row["due_at"]  # type: ignore[no-any-return]

    for minutes, due in ((30, 30), (60, 30), (10, 10)):
        assert await add(minutes) == START + timedelta(minutes=due)
    belfry.turn(minutes=11)
    assert await belfry.sweeper().sweep() == 1
    await add(5)
    assert await belfry.sweeper().sweep() == 0
