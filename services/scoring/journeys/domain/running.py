"""The state machine of a journey: where a lead stands in it, and what its next steps are. Time is an argument.

    run = Run(run_id, lead_id, "welcome", entered_at=now, step="hello")
    taken = advance(run, rules, around, now=now)

Every step that is taken is an event. A run waits at a step until `due_at`; whoever moves it on then, and how late, the
same steps follow.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from services.scoring.journeys.domain.model import Cap, Journey, JourneyRules, Message, Step
from shared.contracts import ids
from shared.rules import Facts, LoadedRules, compile_condition, fields_asked, reader_of

State: TypeAlias = Literal["active", "done", "exited"]
CONVERTED: Final = "converted"
OPTED_OUT: Final = "opted_out"
LEFT_SEGMENT: Final = "left_segment"
_NAMESPACE: Final = "journey"
_CODE: Final = 16
# No 0, 1, I, O: codes are read aloud and typed in.
_LETTERS: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"


@dataclass(slots=True)
class Run:
    """A lead in a journey. `step` is where it stands; `due_at` when it goes on by itself; `since` when the lead had entered
    the segment, None for a run of before that was kept. What a `silenced` run has not sent yet is not sent any more."""

    run_id: str
    lead_id: str
    journey: str
    entered_at: datetime
    step: str
    state: State = "active"
    reason: str | None = None
    due_at: datetime | None = None
    since: datetime | None = None
    stored: bool = False
    changed: bool = False
    silenced: bool = False

    def end(self, state: State, reason: str | None = None) -> None:
        """The journey is over."""
        self.state, self.reason, self.due_at, self.changed = state, reason, None, True

    def is_older(self, instant: datetime | None) -> bool:
        """Whether its lead had entered the segment by then: what happened before that, and is told late, is none of it."""
        return self.since is None or instant is None or self.since <= instant


class Taken(NamedTuple):
    """A step that was taken: what was done there, with what is needed to do it outside."""

    run_id: str
    lead_id: str
    journey: str
    step: str
    action: Literal["entered", "sent", "offered", "skipped", "held", "waits", "branched", "ended", "exited"]
    reason: str | None = None
    send_id: str | None = None
    channel: str | None = None
    template: str | None = None
    code: str | None = None
    valid_until: datetime | None = None


@dataclass(slots=True)
class Around:
    """What a step rests on: the lead's facts, and when it was written to by which channel. `sends` grows with each."""

    facts: Facts
    sends: list[tuple[str, datetime]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class CompiledJourney:
    """A journey with its conditions compiled. A step that is not there was taken out of the rules."""

    journey: Journey
    places: Mapping[str, int]
    exits: Callable[[Facts], bool] | None
    branches: Mapping[str, Callable[[Facts], bool]]


@dataclass(frozen=True, slots=True)
class CompiledJourneys:
    """A published version."""

    version: int
    journeys: Mapping[str, CompiledJourney]
    by_segment: Mapping[str, Sequence[CompiledJourney]]
    caps: Mapping[str, Sequence[Cap]]
    see_lead: Callable[[bytes], Facts]
    longest_cap: timedelta


_REACH: Final = ("contactable", "consent", "email", "phone")


def compile_journeys(loaded: LoadedRules[JourneyRules], *, version: int) -> CompiledJourneys:
    """The rules as closures."""
    model = loaded.model
    compiled = {each.id: _compiled(each) for each in model.journeys}
    by_segment: dict[str, list[CompiledJourney]] = {}
    for each in compiled.values():
        by_segment.setdefault(each.journey.segment, []).append(each)
    caps: dict[str, list[Cap]] = {}
    for cap in model.caps:
        caps.setdefault(cap.channel, []).append(cap)
    asked = fields_asked(
        [
            *(step.branch.when for each in model.journeys for step in each.steps if step.branch is not None),
            *(each.exit.when for each in model.journeys if each.exit is not None),
        ]
    )
    of_lead = {name for name in asked if not name.startswith(("score.", "interest.", "did.")) and name != "segments"}
    longest = max((cap.days for cap in model.caps), default=0)
    return CompiledJourneys(
        version, compiled, by_segment, caps, reader_of({*of_lead, *_REACH}), timedelta(days=longest)
    )


def _compiled(journey: Journey) -> CompiledJourney:
    places = {step.id: place for place, step in enumerate(journey.steps)}
    exits = None if journey.exit is None else compile_condition(journey.exit.when).holds
    branches = {step.id: compile_condition(step.branch.when).holds for step in journey.steps if step.branch is not None}
    return CompiledJourney(journey, places, exits, branches)


def begin(
    lead_id: str, compiled: CompiledJourney, cause_id: str, now: datetime, since: datetime | None = None
) -> tuple[Run, Taken]:
    """A lead enters a journey. The same cause gives the same run."""
    journey = compiled.journey
    run_id = ids.derive(ids.EVENTS, _NAMESPACE, journey.id, lead_id, cause_id)
    run = Run(run_id, lead_id, journey.id, now, journey.steps[0].id, since=since, changed=True)
    return run, Taken(run_id, lead_id, journey.id, run.step, "entered")


def may_begin(last: Run | None, journey: Journey, now: datetime) -> bool:
    """Whether a lead may enter, given its last run of the journey."""
    if last is None:
        return True
    if last.state == "active" or journey.again_after_days is None:
        return False
    return now - last.entered_at >= timedelta(days=journey.again_after_days)


def leave(run: Run, reason: str) -> Taken:
    """End a run before it is through."""
    run.end("exited", reason)
    run.silenced = True
    return Taken(run.run_id, run.lead_id, run.journey, run.step, "exited", reason)


def end_runs(runs: Iterable[Run], reason: str) -> list[Taken]:
    """End those that are under way; those that are through send nothing more either."""
    ended = list(runs)
    for run in ended:
        run.silenced = True
    return [leave(run, reason) for run in ended if run.state == "active"]


def advance(run: Run, rules: CompiledJourneys, around: Around, *, now: datetime) -> list[Taken]:
    """Every step that can be taken now, in order."""
    taken: list[Taken] = []
    compiled = rules.journeys.get(run.journey)
    while run.state == "active" and not (run.due_at is not None and run.due_at > now):
        if compiled is None or run.step not in compiled.places:
            taken.append(leave(run, "journey_changed"))
        elif around.facts.get("lead_gone"):
            taken.append(leave(run, "lead_gone"))
        elif compiled.exits is not None and compiled.exits(around.facts):
            taken.append(leave(run, "exit_condition"))
        else:
            taken += _take(run, compiled, rules, around, now)
    return taken


def _take(
    run: Run, compiled: CompiledJourney, rules: CompiledJourneys, around: Around, now: datetime
) -> Sequence[Taken]:
    step = compiled.journey.steps[compiled.places[run.step]]
    run.changed = True
    said = Taken(run.run_id, run.lead_id, run.journey, step.id, "ended")
    if step.wait is not None:
        if run.due_at is None:
            run.due_at = now + step.wait.length
            return [said._replace(action="waits", valid_until=run.due_at)]
        _go_on(run, compiled)
        return []
    if step.branch is not None:
        way = step.branch.then if compiled.branches[step.id](around.facts) else step.branch.else_
        run.step = way
        return [said._replace(action="branched", reason=way)]
    if step.end:
        run.end("done")
        return [said]
    return _send(run, step, compiled, rules, around, now)


def _send(
    run: Run, step: Step, compiled: CompiledJourney, rules: CompiledJourneys, around: Around, now: datetime
) -> Sequence[Taken]:
    message: Message = step.offer if step.offer is not None else step.send
    why_not = why_unreachable(message.channel, around.facts)
    said = Taken(run.run_id, run.lead_id, run.journey, step.id, "sent", channel=message.channel)
    if why_not == OPTED_OUT:
        return [leave(run, OPTED_OUT)]
    if why_not is not None:
        _go_on(run, compiled)
        return [said._replace(action="skipped", reason=why_not)]
    free_at = cap_free_at(message.channel, rules, around.sends, now)
    if free_at is not None:
        first_time = run.due_at is None
        run.due_at = free_at
        return [said._replace(action="held", reason="frequency_cap", valid_until=free_at)] if first_time else []
    around.sends.append((message.channel, now))
    send_id = ids.derive(ids.EVENTS, _NAMESPACE, run.run_id, step.id)
    said = said._replace(send_id=send_id, template=message.template)
    _go_on(run, compiled)
    if step.offer is None:
        return [said]
    until = now + timedelta(days=step.offer.valid_days)
    return [said._replace(action="offered", code=code_of(send_id), valid_until=until)]


def _go_on(run: Run, compiled: CompiledJourney) -> None:
    """To the next step; behind the last one the journey is done at the next turn."""
    run.due_at = None
    place = compiled.places[run.step] + 1
    if place < len(compiled.journey.steps):
        run.step = compiled.journey.steps[place].id
    else:
        run.end("done")


def cap_free_at(
    channel: str, rules: CompiledJourneys, sends: Sequence[tuple[str, datetime]], now: datetime
) -> datetime | None:
    """When the channel's caps let the next message through; None: now."""
    free: datetime | None = None
    for cap in rules.caps.get(channel, ()):
        window = timedelta(days=cap.days)
        recent = sorted(at for named, at in sends if named == channel and at + window > now)
        if len(recent) >= cap.most:
            opens = recent[-cap.most] + window
            free = opens if free is None else max(free, opens)
    return free


_WAYS: Final = {"email": "email", "sms": "phone", "phone": "phone", "call": "phone"}


def why_unreachable(channel: str, facts: Facts) -> str | None:
    """Why nothing may be sent by a channel: `opted_out`, or why it would not arrive. None: it may."""
    way = _WAYS.get(channel)
    consent, contactable = _part(facts, "consent"), _part(facts, "contactable")
    reasons = _part(contactable, "reasons")
    if consent.get(f"marketing_{way or channel}") is False or reasons.get(way or channel) == OPTED_OUT:
        return OPTED_OUT
    if contactable.get("any") is False:
        return OPTED_OUT if OPTED_OUT in reasons.values() else "unreachable"
    if way is None:
        return None
    if not facts.get(way):
        return f"no_{way}"
    return "unreachable" if contactable.get(way) is False else None


def _part(facts: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = facts.get(name)
    return value if isinstance(value, dict) else {}


def code_of(send_id: str) -> str:
    """The code of an offer: 80 bits of its id, in groups of four."""
    number = int(ids.derive(ids.EVENTS, "offer", send_id).replace("-", ""), 16)
    letters = "".join(_LETTERS[(number >> (5 * place)) & 31] for place in range(_CODE))
    return "-".join(letters[start : start + 4] for start in range(0, _CODE, 4))
