"""`record.replay`, obeyed alike by every service: the original record goes to the handler that it has for its topic.

The record comes back with its own event id, coordinates and time, so that the decision stored for it absorbs repeats:
it is locked, and only a dead letter, or what was refused, is tried again. For a lane that keeps no decisions the replay
keeps one of its own, about this very record. What fails again is a new dead letter that names the first one; it costs nobody
else's replay, and never stops the consumer.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple, TypeAlias

from shared.contracts.commands.replay import ReplayRecord
from shared.contracts.topics import COMMAND_TOPICS
from shared.handling.originals import UnreadableOriginal, unpack_original
from shared.handling.outcomes import (
    DEAD_LETTERED,
    REJECTED,
    REPEATED_EVENT,
    SKIPPED,
    Decision,
    InHand,
    Letter,
    Outcome,
    OutEvent,
    Produced,
    Rejected,
    Skipped,
    Stage,
)
from shared.handling.records import Record
from shared.handling.work import Work
from shared.messaging.commands import complete
from shared.messaging.dead_letters import EDITED, REPLAY_ATTEMPT, REPLAY_OF
from shared.messaging.subscription import Handled, Subscription, UseCase
from shared.messaging.verdicts import check_sizes, culprit_of, decision_of, is_unreadable, of_no_known_type, validated
from shared.observability.metrics import REPLAYS
from shared.persistence.database import is_transient
from shared.persistence.decisions import Claim, kept_under, lock_decisions, reopen_decisions, save_decisions

# What a replay came to, as stored with the command, so that a redelivered command does the same again.
APPLIED: Final = "applied"
REPEATED: Final = "repeated"
STANDING: Final = "standing"
FAILED: Final = "failed"
REFUSED: Final = "refused"


class Answer(NamedTuple):
    """What became of a replay: `was` for ourselves, the rest for `command.completed`."""

    was: str
    status: str
    reason: str | None
    result: dict[str, Any]


class Try(NamedTuple):
    """A replay that names a record and somebody to handle it. A lane `beside` the one that failed takes the record too where
    it had passed it over as unreadable; of the answer it is no part."""

    item: InHand
    wanted: ReplayRecord
    record: Record
    subscription: Subscription
    handled: Handled | None
    prefix: str = ""
    beside: bool = False

    @property
    def group(self) -> str:
        """The consumer group's name in the cluster, as the letter wrote it."""
        return self.prefix + self.subscription.group

    @property
    def key(self) -> str:
        """The id under which it is decided once: the event's, where its lane keeps decisions, else one of lane and record."""
        return self.record.event_id if self.subscription.decisions else kept_under(self.subscription.group, self.record)


class ToHandle(NamedTuple):
    """A record on its way to a use case."""

    use_case: UseCase
    item: InHand


class Settled(NamedTuple):
    """An answer, and what goes out with it."""

    answer: Answer
    events: tuple[OutEvent, ...] = ()
    letters: tuple[Letter, ...] = ()
    subject: str | None = None


Place: TypeAlias = tuple[int, int]
"""A command among those of a batch, and a lane among those that its record is for: 0 is the one that failed."""
_NOTHING: Final = Answer(STANDING, "done", None, {})


def with_replays(
    stage: Stage, subscription: Subscription, *others: Subscription, repeated: UseCase | None = None
) -> Subscription:
    """The subscription that takes the service's commands, with `record.replay` of records of this one and `others`."""
    replays = Handled(Replays(stage, (subscription, *others)), ReplayRecord, repeated)
    return replace(subscription, handlers={**subscription.handlers, ReplayRecord.TYPE: replays})


@dataclass(frozen=True, slots=True)
class Replays:
    """The use case of `record.replay`."""

    stage: Stage
    subscriptions: tuple[Subscription, ...]

    async def __call__(self, items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        """See shared.messaging.subscription.UseCase. A source's own record of this type is none of ours."""
        understood = [self._understand(item) for item in items]
        named = {place: found for place, found in enumerate(understood) if isinstance(found, Try)}
        tries = {(place, n): each for place, found in named.items() for n, each in enumerate(self._with_others(found))}
        settled = await self._settle(tries, work)
        together = {place: _together(settled, place) for place in named}
        return [
            found if isinstance(found, Rejected) else await self._answered(item, together.get(place) or found, work)
            for place, (item, found) in enumerate(zip(items, understood, strict=True))
        ]

    # -- understanding ------------------------------------------------------------------------------------------

    def _understand(self, item: InHand) -> "Try | Settled | Rejected":
        if item.record.topic != COMMAND_TOPICS[self.stage.name]:
            return Rejected("unknown_type")
        wanted: ReplayRecord = item.event
        subscription = self._subscription_of(wanted)
        if subscription is None:
            return _refused(wanted, "unknown_topic", f"{self.stage.name} does not read the record's topic")
        try:
            record = unpack_original(wanted.record, inbound=wanted.record.topic in subscription.inbound)
        except UnreadableOriginal:
            return _refused(wanted, "unreadable_record", "the command carries no record")
        if record.type == ReplayRecord.TYPE and record.topic == item.record.topic:
            return _refused(wanted, "not_replayable", "it is a replay itself: replay the dead letter that it was about")
        handled = subscription.handlers.get(record.type, subscription.others)
        named = wanted.group or ""
        prefix = named.removesuffix(subscription.group) if named.endswith(subscription.group) else ""
        return Try(item, wanted, record, subscription, handled, prefix)

    def _with_others(self, first: Try) -> list[Try]:
        record, lanes = first.record, [each for each in self.subscriptions if each is not first.subscription]
        passing = [each for each in lanes if record.topic in each.topics and record.type in each.answered]
        others = [first._replace(subscription=s, handled=s.handlers[record.type], beside=True) for s in passing]
        return [first, *others]

    def _subscription_of(self, wanted: ReplayRecord) -> Subscription | None:
        """The lane that failed, which the letter names as the cluster does, with a prefix perhaps; else one that reads it."""
        reading = [each for each in self.subscriptions if wanted.record.topic in each.topics]
        named = [each for each in reading if (wanted.group or "").endswith(each.group)]
        return max(named, key=lambda each: len(each.group)) if named else next(iter(reading), None)

    # -- settling -----------------------------------------------------------------------------------------------

    async def _settle(self, tries: Mapping[Place, Try], work: Work) -> dict[Place, Settled]:
        """In rounds, so that of several replays of one record the later ones see what the first came to."""
        claims = await lock_decisions(work, [each.key for each in tries.values()]) if tries else {}
        settled: dict[Place, Settled] = {}
        while left := {place: each for place, each in tries.items() if place not in settled}:
            firsts: dict[str, Place] = {}
            for place, each in left.items():
                firsts.setdefault(each.key, place)
            settled.update(await self._round({place: left[place] for place in firsts.values()}, claims, work))
        return settled

    async def _round(self, tries: Mapping[Place, Try], claims: dict[str, Claim], work: Work) -> dict[Place, Settled]:
        settled: dict[Place, Settled] = {}
        by_use_case: dict[int, list[tuple[Place, ToHandle]]] = {}
        for place, each in tries.items():
            found = (_place_beside if each.beside else _place)(each, claims.get(each.key))
            if isinstance(found, ToHandle):
                by_use_case.setdefault(id(found.use_case), []).append((place, found))
            elif isinstance(found, Settled):
                settled[place] = found
            else:
                settled[place] = await _settled_as(each, found, None, claims, work)
        for group in by_use_case.values():
            outcomes = await _run(group[0][1].use_case, [found.item for _, found in group], work)
            for (place, found), outcome in zip(group, outcomes, strict=True):
                settled[place] = await _settled_as(tries[place], outcome, found.item.decision, claims, work)
        return settled

    # -- answering ----------------------------------------------------------------------------------------------

    async def _answered(self, item: InHand, found: "Settled | Try", work: Work) -> Outcome:
        assert isinstance(found, Settled)
        status, reason, result = found.answer.status, found.answer.reason, found.answer.result
        completed = await complete(self.stage, item, work, status, reason, result)
        if item.decision is None:
            work.once_stored(REPLAYS.labels(service=self.stage.name, outcome=found.answer.was).inc)
        # The decision of the command itself is never `dead_lettered`: a redelivery would be rejected for it.
        return Produced(
            found.answer.was,
            (*found.events, completed),
            subject=found.subject,
            reason=reason,
            detail=found.answer._asdict(),
            letters=found.letters,
        )


def _together(settled: Mapping[Place, Settled], place: int) -> Settled:
    """What a command came to: the answer of the lane that failed, and what goes out of all."""
    parts: list[Settled] = []
    while (part := settled.get((place, len(parts)))) is not None:
        parts.append(part)
    events = tuple(event for each in parts for event in each.events)
    letters = tuple(letter for each in parts for letter in each.letters)
    return settled[place, 0]._replace(events=events, letters=letters)


async def _settled_as(
    each: Try, outcome: Outcome, first: Decision | None, claims: dict[str, Claim], work: Work
) -> Settled:
    """What an outcome comes to. `first` is the decision that the use case was handed: it stands."""
    before = _answer_before(each)
    if isinstance(outcome, Rejected):
        return _failed(each, outcome) if before is None else Settled(before, letters=(_letter(each, outcome),))
    if before is None and first is None:
        await _decide(each, outcome, claims, work)
    answer = before or _applied(each, outcome, APPLIED if first is None else REPEATED)
    events = outcome.events if isinstance(outcome, Produced) else ()
    return Settled(answer, events, subject=outcome.subject)


def _answer_before(each: Try) -> Answer | None:
    """What a redelivered command came to the first time."""
    decision = each.item.decision
    return Answer(**decision.detail) if decision is not None and decision.detail else None


def _place(each: Try, claim: Claim | None) -> ToHandle | Settled | Outcome:
    """Who takes the record, or what becomes of it without anybody."""
    before = _answer_before(each)
    if before is not None:
        return _place_again(each, claim, before)
    if claim is None or _is_open(claim, each.record):
        return _place_fresh(each, None)
    if claim.is_of(each.record):
        return _standing(each, claim.decision)
    if each.handled is None or each.handled.repeated is None:
        return Settled(_applied(each, Skipped(REPEATED_EVENT), REPEATED))
    return ToHandle(each.handled.repeated, InHand(each.record, None, claim.decision))


def _place_beside(each: Try, claim: Claim | None) -> ToHandle | Settled | Outcome:
    """As `_place`, for a lane that may have passed the record over: it takes it once it can be read."""
    is_new = _answer_before(each) is None
    if claim is None or is_new != _is_open(claim, each.record) or is_unreadable(each.record):
        return Settled(_answer_before(each) or _NOTHING)
    return _place_fresh(each, None)


def _is_open(claim: Claim, record: Record) -> bool:
    """Whether a replay may put another decision in the place of this one. A refusal is that of one record: another one
    with the same event id still repeats it, or is in conflict with it."""
    outcome = claim.decision.outcome
    return outcome == DEAD_LETTERED or (outcome == REJECTED and claim.is_of(record))


def _place_fresh(each: Try, decision: Decision | None) -> ToHandle | Outcome:
    if each.handled is None:
        return of_no_known_type(each.record, each.subscription)
    event = validated(each.record, each.handled)
    if isinstance(event, Rejected):
        return event
    return ToHandle(each.handled.use_case, InHand(each.record, event, decision))


def _place_again(each: Try, claim: Claim | None, before: Answer) -> ToHandle | Settled | Outcome:
    """A redelivered command changes nothing; what it published goes out again, from the newest stored state."""
    if before.was == FAILED:
        why = Rejected(before.reason or "processing_failed", before.result["place"], before.result["exception"])
        return Settled(before, letters=(_letter(each, why),))
    if before.was == APPLIED and not each.subscription.decisions:
        return _place_fresh(each, None)
    if claim is None or before.was in (STANDING, REFUSED) or claim.decision.outcome in (SKIPPED, DEAD_LETTERED):
        return Settled(before)
    if before.was == REPEATED:
        repeated = each.handled.repeated if each.handled is not None else None
        return ToHandle(repeated, InHand(each.record, None, claim.decision)) if repeated else Settled(before)
    found = _place_fresh(each, claim.decision)
    return Settled(before) if isinstance(found, Rejected) else found


async def _run(use_case: UseCase, items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
    """All in one savepoint; after an unexpected error each half in its own, until the culprit is alone."""
    try:
        async with work.savepoint():
            outcomes = await use_case(items, work)
            check_sizes(outcomes)
        if len(outcomes) != len(items):
            raise RuntimeError(f"a use case answered {len(outcomes)} of {len(items)} records")
        return outcomes
    except Exception as error:
        if is_transient(error):
            raise
        if len(items) == 1:
            return [culprit_of(error, attempts=1)]
    middle = len(items) // 2
    return [*await _run(use_case, items[:middle], work), *await _run(use_case, items[middle:], work)]


async def _decide(each: Try, outcome: Outcome, claims: dict[str, Claim], work: Work) -> None:
    """Put the new decision in the place of the one that was open. An edited body has no fingerprint: its source, sending what it
    sent before, repeats the event and is in no conflict with it."""
    record = each.record._replace(event_id=each.key)
    decision = decision_of(outcome, work)
    if each.wanted.edited:
        decision = decision._replace(fingerprint=0)
    store: Callable[..., Any] = reopen_decisions if each.key in claims else save_decisions
    await store(work, [(record, decision)])
    claims[each.key] = Claim(record.topic_id, record.partition, record.offset, decision)


def _linked(wanted: ReplayRecord) -> dict[str, Any]:
    linked = {"dead_letter_id": wanted.dead_letter_id, "first_id": wanted.first_id, "run_id": wanted.run_id}
    return {**linked, "attempt": wanted.attempt, "edited": wanted.edited}


def _applied(each: Try, outcome: Produced | Skipped, was: str) -> Answer:
    name = outcome.outcome if isinstance(outcome, Produced) else "skipped"
    said = {"replayed": True, "outcome": name, "outcome_reason": outcome.reason}
    result = {**_linked(each.wanted), **said, "subject": outcome.subject, "event_id": each.record.event_id}
    return Answer(was, "done", None, result)


def _standing(each: Try, decision: Decision) -> Settled:
    """Applied before. Of an edited record that is a refusal: what was edited is not what stands."""
    result = {**_linked(each.wanted), "replayed": False, "outcome": decision.outcome, "subject": decision.subject}
    if each.wanted.edited:
        return _refused(each.wanted, "already_applied", "the record was applied before; the edited value was not")
    return Settled(Answer(STANDING, "done", None, {**result, "event_id": each.record.event_id}))


def _failed(each: Try, why: Rejected) -> Settled:
    result = {**_linked(each.wanted), "replayed": False, "outcome": DEAD_LETTERED, "event_id": each.record.event_id}
    answer = Answer(FAILED, DEAD_LETTERED, why.reason, {**result, "place": why.place, "exception": why.exception})
    return Settled(answer, letters=(_letter(each, why),))


def _letter(each: Try, why: Rejected) -> Letter:
    marks = ((REPLAY_OF, each.wanted.first_id), (REPLAY_ATTEMPT, str(each.wanted.attempt)))
    return Letter(each.record, why, (*marks, (EDITED, "1")) if each.wanted.edited else marks, each.group)


def _refused(wanted: ReplayRecord, reason: str, detail: str) -> Settled:
    return Settled(Answer(REFUSED, "refused", reason, {**_linked(wanted), "replayed": False, "detail": detail}))
