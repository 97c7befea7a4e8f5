"""The Postgres half of a batch: claim, handle, save, raise marks, in one transaction that is committed first."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from shared.handling.outcomes import (
    DEAD_LETTERED,
    REPEATED_EVENT,
    SKIPPED,
    Decision,
    InHand,
    Outcome,
    Produced,
    Rejected,
    Skipped,
)
from shared.handling.records import Record
from shared.handling.work import Work
from shared.messaging.novelty import Novelty, Span, come_twice, spans_of
from shared.messaging.subscription import Handled, Subscription
from shared.messaging.verdicts import (
    UNREADABLE,
    all_validated,
    answered_for,
    check_sizes,
    culprit_of,
    decision_of,
    of_no_known_type,
    type_and_place,
    validated,
)
from shared.observability.failpoints import failpoint
from shared.persistence.database import Database, is_transient
from shared.persistence.decisions import Claim, ClaimLost, kept_under, read_decisions, save_decisions
from shared.persistence.marks import Place, raise_marks

BAD_IN_A_ROW: Final = 20
ATTEMPTS: Final = 3
_PAUSE_S: Final = 0.02


class EverythingBad(Exception):
    """Unexpected errors, record after record, without a success between: a bad deploy, not bad records."""


class Settled(NamedTuple):
    """A record and what became of it; `outcome` is None for a record that was published before."""

    record: Record
    outcome: Outcome | None


class Settling:
    """Settles batches of one subscription. Keeps the count of unexpected errors in a row."""

    def __init__(
        self, subscription: Subscription, group: str, database: Database, clock: Callable[[], datetime]
    ) -> None:
        self._subscription = subscription
        self._group = group
        self._database = database
        self._clock = clock
        self._bad_in_a_row: set[tuple[str, int, int]] = set()  # a record that is tried again is no further one
        self._convicted_for: set[str] = set()
        self._novelty = Novelty()

    def forget(self) -> None:
        """The partitions may have been another member's since the last batch."""
        self._novelty.forget()

    async def settle(self, records: Sequence[Record], published: dict[Place, int]) -> list[Settled]:
        """Decide and store every record. Raises transient errors (try again) and EverythingBad (stop)."""
        culprits: list[tuple[Record, Rejected]] = []
        self._convicted_for.clear()
        settled = await self._bisect(records, published, culprits)
        if culprits:
            await self._bury(culprits)
        return settled

    async def _bisect(
        self, records: Sequence[Record], published: dict[Place, int], culprits: list[tuple[Record, Rejected]]
    ) -> list[Settled]:
        """Settle as one; after an unexpected error settle each half, until the culprit is alone."""
        try:
            settled = await self._store(records, published)
        except Exception as error:
            if is_transient(error):
                raise
            if len(records) == 1:
                return await self._alone(records[0], error, published, culprits)
            middle = len(records) // 2
            first = await self._bisect(records[:middle], published, culprits)
            return first + await self._bisect(records[middle:], published, culprits)
        if any(isinstance(s.outcome, Produced | Skipped) for s in settled):
            await self._go_on(culprits)
        return settled

    async def _go_on(self, culprits: list[tuple[Record, Rejected]]) -> None:
        """Something succeeded, so what failed before it was bad records: they are buried at once. In a batch with many,
        whatever interrupts it, they are not tried again."""
        self._bad_in_a_row.clear()
        if culprits:
            await self._bury(culprits)
            culprits.clear()

    async def _alone(
        self,
        record: Record,
        failure: Exception,
        published: dict[Place, int],
        culprits: list[tuple[Record, Rejected]],
    ) -> list[Settled]:
        """A few more tries for a record that failed by itself, then it is the culprit; at once where another one of this
        batch failed at the same place, every time that it was tried."""
        if type_and_place(failure) in self._convicted_for:
            return [self._convict(record, failure, culprits, attempts=1)]
        for attempt in range(2, ATTEMPTS + 1):
            await asyncio.sleep(_PAUSE_S * attempt)
            try:
                settled = await self._store([record], published)
            except Exception as error:
                if is_transient(error):
                    raise
                failure = error
            else:
                await self._go_on(culprits)
                return settled
        return [self._convict(record, failure, culprits, attempts=ATTEMPTS)]

    def _convict(
        self, record: Record, error: Exception, culprits: list[tuple[Record, Rejected]], *, attempts: int
    ) -> Settled:
        self._bad_in_a_row.add((record.topic_id, record.partition, record.offset))
        self._convicted_for.add(type_and_place(error))
        if len(self._bad_in_a_row) >= BAD_IN_A_ROW:
            raise EverythingBad(
                f"{len(self._bad_in_a_row)} unexpected errors in a row, last {type_and_place(error)}"
            ) from error
        why = culprit_of(error, attempts=attempts)
        culprits.append((record, why))
        return Settled(record, why)

    async def _bury(self, culprits: Sequence[tuple[Record, Rejected]]) -> None:
        # A redelivered culprit has its decision already; asking for a first one would be tried for ever. The marks of
        # what a culprit tried were rolled back with it: without them the database would look older than Kafka.
        spans = spans_of([record for record, _ in culprits])
        async with self._database.transaction(self._clock()) as work:
            await raise_marks(work, self._group, {place: span.end for place, span in spans.items()}, {})
            await self._save_rejected(culprits, work, first_stands=True)

    async def _store(self, records: Sequence[Record], published: dict[Place, int]) -> list[Settled]:
        spans = spans_of(records)
        settled = await self._store_as_new(records, spans, published) if self._novelty.expects(spans) else None
        if settled is None:
            settled = await self._store_asking(records, spans, published, ask=self._subscription.decisions)
        self._novelty.stored(spans)
        failpoint("after-store")
        return settled

    async def _store_as_new(
        self, records: Sequence[Record], spans: Mapping[Place, Span], published: dict[Place, int]
    ) -> list[Settled] | None:
        """Store without asking what was decided before; None where that went wrong, perhaps for this very reason."""
        try:
            return await self._store_asking(records, spans, published, ask=False)
        except Exception as error:
            if is_transient(error) and not isinstance(error, ClaimLost):
                raise
            self._novelty.disappointed()
            return None

    async def _store_asking(
        self, records: Sequence[Record], spans: Mapping[Place, Span], published: dict[Place, int], *, ask: bool
    ) -> list[Settled]:
        async with self._database.transaction(self._clock()) as work:
            ends = {place: span.end for place, span in spans.items()}
            floors = await raise_marks(work, self._group, ends, published)
            live = _unpublished(records, spans, floors)
            claims = await read_decisions(work, [record.event_id for record in live]) if ask else {}
            outcomes = await self._decide(live, claims, work)
            check_sizes(outcomes.values())
        if ask:
            self._novelty.asked(found=bool(claims))
        return [_new(Settled, (record, outcomes.get(id(record)))) for record in records]

    async def _decide(self, records: Sequence[Record], claims: dict[str, Claim], work: Work) -> dict[int, Outcome]:
        known = claims or (self._subscription.decisions and come_twice(records))
        sorted_out = self._by_claims(records, claims) if known else self._as_new(records)
        fresh, by_use_case, outcomes = sorted_out
        for key, items in sorted(by_use_case.items(), key=lambda pair: pair[0][1]):
            in_hand = _with_first_decisions(items, fresh, outcomes, work) if key[1] else items
            outcomes.update(await _run(self._use_case(key), in_hand, work))
        await self._save(fresh, outcomes, work)
        return outcomes

    def _as_new(self, records: Sequence[Record]) -> "SortedOut":
        """Records of which each is the first of its event."""
        by_type: dict[str, list[Record]] = {}
        for record in records:
            by_type.setdefault(record.type if record.type in self._subscription.handlers else _OTHERS, []).append(
                record
            )
        found = SortedOut(records, {}, {})
        for of_type, group in by_type.items():
            handled = self._subscription.handlers.get(of_type, self._subscription.others)
            if handled is None:
                found.outcomes.update({id(r): of_no_known_type(r, self._subscription) for r in group})
            else:
                found.take((of_type, False), group, all_validated(group, handled), self._subscription)
        return found

    def _by_type(self, records: Sequence[Record]) -> Mapping[str, Sequence[Record]]:
        types = {record.type for record in records}
        named = types & self._subscription.handlers.keys()
        if len(types) == 1 and named:
            return dict.fromkeys(types, records)
        groups: dict[str, list[Record]] = {}
        for record in records:
            groups.setdefault(record.type if record.type in named else _OTHERS, []).append(record)
        return groups

    def _by_claims(self, records: Sequence[Record], claims: dict[str, Claim]) -> "SortedOut":
        """Records of events that may have been decided before, or come twice."""
        fresh: list[Record] = []
        found = SortedOut(fresh, {}, {})
        for record in records:
            claim = claims.get(record.event_id)
            if claim is None:
                fresh.append(record)
                claims[record.event_id] = Claim(record.topic_id, record.partition, record.offset, _UNDECIDED)
            placed = self._place(record, claim)
            if isinstance(placed, InHandFor):
                found.by_use_case.setdefault(placed.key, []).append(placed.item)
            else:
                found.outcomes[id(record)] = placed
        return found

    def _place(self, record: Record, claim: Claim | None) -> "InHandFor | Outcome":
        """Which use case a record goes to, or what becomes of it without one."""
        handled = self._subscription.handlers.get(record.type, self._subscription.others)
        if claim is not None and not claim.is_of(record):
            if handled is None or handled.repeated is None:
                return Skipped(REPEATED_EVENT)
            return InHandFor((record.type, True), InHand(record, None, claim.decision))
        decision = claim.decision if claim is not None and claim.decision is not _UNDECIDED else None
        if decision is not None and decision.outcome == DEAD_LETTERED:
            return Rejected(decision.reason or "processing_failed", attempts=1)
        if decision is not None and decision.outcome == SKIPPED:
            return Skipped(decision.reason or "", decision.subject)
        return self._validated(record, handled, decision)

    def _validated(self, record: Record, handled: Handled | None, decision: Decision | None) -> "InHandFor | Outcome":
        if handled is None:
            return of_no_known_type(record, self._subscription)
        key = (record.type if record.type in self._subscription.handlers else _OTHERS, False)
        event = validated(record, handled)
        if isinstance(event, Rejected):
            return answered_for(record, event, self._subscription)
        return InHandFor(key, InHand(record, event, decision))

    def _use_case(self, key: "UseCaseKey") -> Callable[[Sequence[InHand], Work], Awaitable[Sequence[Outcome]]]:
        record_type, repeated = key
        handled = self._subscription.handlers.get(record_type, self._subscription.others)
        assert handled is not None
        if repeated:
            assert handled.repeated is not None
            return handled.repeated
        return handled.use_case

    async def _save(self, fresh: Sequence[Record], outcomes: dict[int, Outcome], work: Work) -> None:
        decided = [(record, outcomes[id(record)]) for record in fresh]
        rejected = [(record, outcome) for record, outcome in decided if isinstance(outcome, Rejected)]
        if self._subscription.decisions:
            if rejected:
                decided = [(record, outcome) for record, outcome in decided if not isinstance(outcome, Rejected)]
            await save_decisions(work, [(record, decision_of(outcome, work)) for record, outcome in decided])
        if self._subscription.answered:
            await self._remember(records_passed_over(decided), work)
        if rejected:
            await self._save_rejected(rejected, work)

    async def _remember(self, passed_over: Sequence[Record], work: Work) -> None:
        """Once the letter that another lane makes of them is mended, this lane takes them too (shared/messaging/replaying.py)."""
        named = [r._replace(event_id=kept_under(self._subscription.group, r)) for r in passed_over]
        decision = Decision(DEAD_LETTERED, None, UNREADABLE.reason, None, work.instant)
        await save_decisions(work, [(record, decision) for record in named], first_stands=True)

    async def _save_rejected(
        self, rejected: Sequence[tuple[Record, Rejected]], work: Work, *, first_stands: bool = False
    ) -> None:
        if self._subscription.decisions:
            decided = [(record, decision_of(why, work)) for record, why in rejected]
            await save_decisions(work, decided, first_stands=first_stands)
        if self._subscription.on_dead_letters is not None:
            await self._subscription.on_dead_letters(rejected, work)


_new: Final = tuple.__new__  # for what is made for each record: a third of the time of a named tuple's own way
UseCaseKey = tuple[str, bool]
_OTHERS: Final = ""  # all types without a handler of their own are one call, however many they are
_UNDECIDED: Final = Decision("undecided", None, None, None, "")


class InHandFor(NamedTuple):
    """An item on its way to a use case."""

    key: UseCaseKey
    item: InHand


class SortedOut(NamedTuple):
    """Records on their way: those that need a decision, items by use case, and what needs none."""

    fresh: Sequence[Record]
    by_use_case: dict[UseCaseKey, list[InHand]]
    outcomes: dict[int, Outcome]

    def take(
        self, key: UseCaseKey, records: Sequence[Record], events: Sequence[Any], subscription: Subscription
    ) -> None:
        """Records of one type, each with its event or what is wrong with it."""
        items = []
        for record, event in zip(records, events, strict=True):
            if isinstance(event, Rejected):
                self.outcomes[id(record)] = answered_for(record, event, subscription)
            else:
                items.append(_new(InHand, (record, event, None)))
        if items:
            self.by_use_case[key] = items


def records_passed_over(decided: Sequence[tuple[Record, Outcome]]) -> list[Record]:
    """Those that another lane answers for."""
    return [record for record, outcome in decided if outcome is UNREADABLE]


def _unpublished(
    records: Sequence[Record], spans: Mapping[Place, Span], floors: Mapping[tuple[str, int], int]
) -> Sequence[Record]:
    """Records that no commit was seen of."""
    if all(span.first >= floors.get((place.topic_id, place.partition), 0) for place, span in spans.items()):
        return records
    return [r for r in records if r.offset >= floors.get((r.topic_id, r.partition), 0)]


def _with_first_decisions(
    items: Sequence[InHand], fresh: Sequence[Record], outcomes: dict[int, Outcome], work: Work
) -> list[InHand]:
    """Repeated events whose first record came in this very batch learn what was decided for it."""
    decided = {r.event_id: decision_of(outcomes[id(r)], work) for r in fresh if id(r) in outcomes}
    return [
        item._replace(decision=decided.get(item.record.event_id)) if item.decision is _UNDECIDED else item
        for item in items
    ]


async def _run(
    use_case: Callable[[Sequence[InHand], Work], Awaitable[Sequence[Outcome]]], items: Sequence[InHand], work: Work
) -> dict[int, Outcome]:
    outcomes = await use_case(items, work)
    if len(outcomes) != len(items):
        raise RuntimeError(f"a use case answered {len(outcomes)} of {len(items)} records")
    return {id(item[0]): outcome for item, outcome in zip(items, outcomes, strict=True)}
