"""The laws of journeys: whatever happens to a lead, in whatever order it is told, late, lost and replayed, or twice."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

import orjson
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.scoring.journeys.adapters.outbox import ToSend
from services.scoring.journeys.adapters.surroundings import around_of
from services.scoring.journeys.domain.inbound import Converted, Entered, Exited
from services.scoring.journeys.domain.model import load_journey_rules
from services.scoring.journeys.domain.rendering import Rendered
from services.scoring.journeys.domain.running import (
    CONVERTED,
    LEFT_SEGMENT,
    CompiledJourneys,
    Run,
    Taken,
    compile_journeys,
)
from services.scoring.journeys.handlers.following import FollowConversions, FollowSegments
from services.scoring.journeys.handlers.moving import Moves
from services.scoring.journeys.ports import Surroundings, ToldStep
from services.scoring.journeys.sending import rendered_of
from services.scoring.segments.domain.happenings import Happening
from services.scoring.segments.domain.membership import Known
from shared.contracts.envelope import rfc3339
from shared.handling.outcomes import InHand, Outcome
from shared.handling.records import Record
from shared.handling.work import Work
from tests.support.scoring import Log, lead_id

START: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
LEAD: Final = lead_id(1)
SEGMENTS: Final = ("nurture", "customers")
RULES: Final = """
kind: journeys
caps: [{channel: email, most: 2, days: 7}, {channel: email, most: 3, days: 30}]
journeys:
  - id: welcome
    segment: nurture
    again_after_days: 20
    exit: {when: {field: did.unsubscribed, gte: 1}}
    steps:
      - {id: hello, send: {channel: email, text: Hello}}
      - {id: pause, wait: {days: 3}}
      - {id: opened, branch: {when: {field: did.mail.opened, gte: 1}, then: gift, else: again}}
      - {id: gift, offer: {channel: email, text: 'Code {code}'}}
      - {id: bye, end: true}
      - {id: again, send: {channel: email, text: Again}}
      - {id: rest, wait: {hours: 12}}
      - {id: last, send: {channel: email, text: Last}}
  - id: once
    segment: nurture
    stay: false
    steps:
      - {id: a, send: {channel: email, text: a}}
      - {id: b, send: {channel: sms, text: b}}
  - id: thanks
    segment: customers
    steps: [{id: wait, wait: {days: 1}}, {id: thanks, send: {channel: email, text: Thanks}}]
"""
# The same with a step less and one more, as a later version.
LATER: Final = RULES.replace("      - {id: rest, wait: {hours: 12}}\n", "").replace(
    "{id: b, send: {channel: sms, text: b}}", "{id: c, wait: {minutes: 5}}\n      - {id: d, end: true}"
)
VERSIONS: Final = tuple(
    compile_journeys(load_journey_rules(text), version=n) for n, text in enumerate((RULES, LATER), 1)
)


@dataclass
class Sent:
    """A row of what is to be sent."""

    taken: Taken
    decided_at: datetime
    state: str = "decided"


class Lead:
    """What the tables of scoring and segments hold of a lead."""

    def __init__(self) -> None:
        self.facts: dict[str, Any] = {"lead_id": LEAD, "email": "ann@example.com", "phone": "+14155550100"}
        self.done: list[Happening] = []
        self.members: dict[str, str] = {}

    @property
    def known(self) -> Known:
        return Known(orjson.dumps(self.facts), b"{}", tuple(self.done), None)


class MemoryBook:
    """A JourneyBook that holds one lead. What it hands out is a copy, as rows are."""

    def __init__(self, lead: Lead) -> None:
        self.lead = lead
        self.steps: dict[str, list[ToldStep]] = {}
        self.runs: list[Run] = []
        self.sends: dict[str, Sent] = {}
        self.timers: dict[str, datetime] = {}

    async def told(self, _work: Work, records: Sequence[Record]) -> Mapping[str, list[ToldStep]]:
        return {r.event_id: self.steps[r.event_id] for r in records if r.event_id in self.steps}

    async def lock(self, _work: Work, _lead_ids: Iterable[str]) -> dict[str, list[Run]]:
        found = sorted(self.runs, key=lambda run: run.entered_at, reverse=True)
        return {LEAD: [replace(run, stored=True, changed=False, silenced=False) for run in found]} if found else {}

    async def around(
        self, work: Work, _runs: Mapping[str, Sequence[Run]], _lead_ids: Iterable[str], rules: CompiledJourneys
    ) -> dict[str, Surroundings]:
        sends = [
            (cast(str, each.taken.channel), each.decided_at) for each in self.sends.values() if each.state != "dropped"
        ]
        return {LEAD: around_of(self.lead.known, dict(self.lead.members), sends, rules)}

    async def save(self, work: Work, runs: Sequence[Run], steps: Sequence[tuple[Record, ToldStep]]) -> None:
        for run in runs:
            self.runs = [each for each in self.runs if each.run_id != run.run_id] + [replace(run)]
            if run.due_at is None:
                self.timers.pop(run.run_id, None)
            else:
                self.timers[run.run_id] = run.due_at
        for record, step in steps:
            self.steps.setdefault(record.event_id, []).append(step)
            if step.taken.send_id is not None:
                assert step.taken.send_id not in self.sends, "a message is decided once"
                self.sends[step.taken.send_id] = Sent(step.taken, work.now)

    async def release(self, _work: Work, send_ids: Sequence[str]) -> None:
        for send_id in send_ids:
            if self.sends[send_id].state == "decided":
                self.sends[send_id].state = "released"

    async def drop(self, _work: Work, run_ids: Sequence[str]) -> None:
        for each in self.sends.values():
            if each.taken.run_id in run_ids and each.state in ("decided", "released"):
                each.state = "dropped"

    async def redeem(self, _work: Work, _said: Any) -> Mapping[str, Any]:
        return {}

    async def members(self, _work: Work, segment: str, after: str | None, _limit: int) -> Sequence[str]:
        return [LEAD] if segment in self.lead.members and after is None else []

    async def family(self, _work: Work, _lead_ids: Iterable[str]) -> Mapping[str, str]:
        return {}


class Live:
    """The rules that are live."""

    def __init__(self) -> None:
        self.rules = VERSIONS[0]

    async def read(self, _work: Work) -> CompiledJourneys:
        return self.rules


comes = st.sampled_from(["at once", "at once", "late"])


class Journeys(RuleBasedStateMachine):
    """A lead enters and leaves segments, converts, acts, refuses; what tells of it may come late, twice, or by a replay."""

    def __init__(self) -> None:
        super().__init__()
        self.now, self.log = START, Log()
        self.lead, self.live = Lead(), Live()
        self.book = MemoryBook(self.lead)
        moves = Moves(self.live, self.book)
        self.entered, self.exited = FollowSegments(moves, entered=True), FollowSegments(moves, entered=False)
        self.converted, self.moves = FollowConversions(moves), moves
        self.past: list[tuple[InHand, Outcome, datetime]] = []
        self.taken: list[tuple[Taken, datetime]] = []
        self.late: list[InHand] = []

    # -- what happens to the lead ---------------------------------------------------------------------------------

    @rule(segment=st.sampled_from(SEGMENTS), comes=comes)
    def moves_between_segments(self, segment: str, comes: str) -> None:
        self._tick()
        at = rfc3339(self.now)
        since = self.lead.members.pop(segment, None)
        if since is None:
            self.lead.members[segment] = at
            self._tell(self._item(Entered, "segment.entered", segment=segment, entered_at=at), comes)
        else:
            self._tell(self._item(Exited, "segment.exited", segment=segment, since=since, exited_at=at), comes)

    @rule(comes=comes)
    def converts(self, comes: str) -> None:
        self._tick()
        self._tell(self._item(Converted, "opportunity.converted", converted_at=rfc3339(self.now)), comes)

    @rule(kind=st.sampled_from(["mail.opened", "unsubscribed", "page.viewed"]))
    def does(self, kind: str) -> None:
        self._tick()
        self.lead.done.append(Happening(kind, None, self.now))

    @rule(wants=st.booleans())
    def says_whether_mail_is_welcome(self, wants: bool) -> None:
        self.lead.facts["consent"] = {"marketing_email": wants}

    @rule(version=st.sampled_from(VERSIONS))
    def rules_are_published(self, version: CompiledJourneys) -> None:
        self.live.rules = version

    # -- what the lane is told ------------------------------------------------------------------------------------

    @precondition(lambda self: self.late)
    @rule(data=st.data())
    def is_told_late(self, data: st.DataObject) -> None:
        """By another partition, or by the replay of a dead letter."""
        self._deliver(self.late.pop(data.draw(st.integers(0, len(self.late) - 1))))

    @precondition(lambda self: self.past)
    @rule(data=st.data())
    def comes_again(self, data: st.DataObject) -> None:
        """Kafka brings again what was not committed: anything that moved something, however old, and what came last. (What
        moved nothing may end a run that was told of meanwhile: a conversion, say, that of an earlier entry.)"""
        newest = self.past[-1]
        fitting = [each for each in self.past if each[0].record.event_id in self.book.steps or each is newest]
        if fitting:
            self._changes_nothing(*data.draw(st.sampled_from(fitting))[:2])

    @rule(hours=st.integers(1, 24 * 40))
    def time_passes(self, hours: int) -> None:
        end = self.now + timedelta(hours=hours)
        while due := [(at, run_id) for run_id, at in self.book.timers.items() if at <= end]:
            at, run_id = min(due)
            self.now = max(self.now, at)
            self._fire(run_id)
        self.now = end

    @rule(leave=st.integers(0, 2))
    def messages_go_out(self, leave: int) -> None:
        """As the sender does it, for all but a few."""
        waiting = [send_id for send_id, each in self.book.sends.items() if each.state in ("decided", "released")]
        for send_id in waiting[: len(waiting) - leave]:
            asyncio.run(self.book.release(self._work(), [send_id]))
            self._send(self.book.sends[send_id])

    # -- what always holds ----------------------------------------------------------------------------------------

    @invariant()
    def one_run_of_a_journey_is_under_way(self) -> None:
        active = Counter(run.journey for run in self.book.runs if run.state == "active")
        assert set(active.values()) <= {1}

    @invariant()
    def whoever_is_under_way_waits_for_a_time(self) -> None:
        due = {run.run_id: run.due_at for run in self.book.runs if run.state == "active"}
        assert due == self.book.timers
        assert all(run.due_at is None for run in self.book.runs if run.state != "active")

    @invariant()
    def no_step_is_taken_twice_and_none_behind_the_end(self) -> None:
        counted = Counter(
            (taken.run_id, taken.step, taken.action == "held") for taken, _ in self.taken if _is_step(taken)
        )
        assert set(counted.values()) <= {1}
        over: set[str] = set()
        for taken, _ in self.taken:
            assert taken.run_id not in over
            if taken.action in ("exited", "ended"):
                over.add(taken.run_id)

    @invariant()
    def caps_hold(self) -> None:
        decided = sorted(
            each.decided_at
            for each in self.book.sends.values()
            if each.state != "dropped" and each.taken.channel == "email"
        )
        for cap in self.live.rules.caps["email"]:
            for first, last in zip(decided, decided[cap.most :], strict=False):
                assert last - first >= timedelta(days=cap.days)

    def teardown(self) -> None:
        """Left alone, every run comes to its end; nothing that moved one moves anything when it comes again then."""
        self.time_passes(24 * 200)
        assert all(run.state != "active" for run in self.book.runs)
        for item, outcome, _ in self.past:
            if item.record.event_id in self.book.steps:
                self._changes_nothing(item, outcome)

    # -- how --------------------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        self.now += timedelta(seconds=1)

    def _work(self) -> Work:
        return Work(cast(Any, None), self.now)

    def _item(self, contract: Any, event_type: str, **said: str) -> InHand:
        value = orjson.dumps({"lead_id": LEAD, **said})
        return InHand(self.log.record("leads.journeys.v1", event_type, value), contract.model_validate_json(value))

    def _handled(self, item: InHand) -> Outcome:
        follow: Any = {"segment.entered": self.entered, "segment.exited": self.exited}.get(
            item.record.type, self.converted
        )
        (outcome,) = asyncio.run(follow([item], self._work()))
        return cast(Outcome, outcome)

    def _tell(self, item: InHand, comes: str) -> None:
        if comes == "late":
            self.late.append(item)
        else:
            self._deliver(item)

    def _changes_nothing(self, item: InHand, before: Outcome) -> None:
        held = deepcopy((self.book.runs, self.book.sends, self.book.timers))
        assert self._handled(item) == before
        assert (self.book.runs, self.book.sends, self.book.timers) == held

    def _deliver(self, item: InHand) -> None:
        before = len(self.book.steps)
        newer = self._newer_than(item)
        outcome = self._handled(item)
        self.past.append((item, outcome, self.now))
        self._note(item)
        assert len(self.book.steps) - before <= 1
        for run in self.book.runs:  # what is told late ends nothing newer
            assert run.run_id not in newer or run.reason not in (LEFT_SEGMENT, CONVERTED)
        if item.record.type == "opportunity.converted":
            self._nothing_older_goes_on(item.event.converted_at, {run.journey for run in self.book.runs})
        if item.record.type == "segment.exited":
            rules = self.live.rules.by_segment.get(item.event.segment, ())
            self._nothing_older_goes_on(item.event.since, {each.journey.id for each in rules if each.journey.stay})

    def _newer_than(self, item: InHand) -> set[str]:
        said = item.event
        instant = said.converted_at if isinstance(said, Converted) else getattr(said, "since", None)
        active = [run for run in self.book.runs if run.state == "active"]
        return {run.run_id for run in active if run.since is not None and instant is not None and run.since > instant}

    def _note(self, item: InHand) -> None:
        self.taken += [(step.taken, self.now) for step in self.book.steps.get(item.record.event_id, ())]

    def _nothing_older_goes_on(self, instant: datetime, journeys: set[str]) -> None:
        older = {run.run_id for run in self.book.runs if run.journey in journeys and run.since and run.since <= instant}
        assert not [run for run in self.book.runs if run.run_id in older and run.state == "active"]
        waiting = [each for each in self.book.sends.values() if each.state in ("decided", "released")]
        assert not [each for each in waiting if each.taken.run_id in older]

    def _fire(self, run_id: str) -> None:
        del self.book.timers[run_id]
        item = InHand(self.log.record("scoring.commands.v1", "journey.step_due", b"{}"), run_id)

        def woken(item: InHand, runs: list[Run], *_: Any) -> Iterable[Taken]:
            for run in runs:
                run.changed = run.changed or (run.run_id == item.event and run.state == "active")
            return ()

        asyncio.run(self.moves.move([item], [LEAD], woken, self._work()))
        self._note(item)

    def _send(self, sent: Sent) -> None:
        taken = sent.taken
        wanted = ToSend(
            cast(str, taken.send_id), taken.run_id, LEAD, taken.journey, taken.step, cast(str, taken.channel), taken.code,
            taken.valid_until, sent.decided_at, 0,
        )  # fmt: skip
        rendered = rendered_of(wanted, orjson.dumps(self.lead.facts), self.live.rules)
        sent.state = "sent" if isinstance(rendered, Rendered) else "dropped"
        if sent.state == "sent":
            refused = self.lead.facts.get("consent", {}).get("marketing_email") is False
            assert not (refused and taken.channel == "email")
            run = next(run for run in self.book.runs if run.run_id == taken.run_id)
            assert run.state != "exited"


def _is_step(taken: Taken) -> bool:
    return taken.action not in ("entered", "exited")


Journeys.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestJourneys = Journeys.TestCase
