"""What somebody did becomes a lead's: read, find whose it is, keep it, say so. What is nobody's yet waits."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import orjson

from services.capture.behaviour_ports import BehaviourBook, Kept, Settlement
from services.capture.domain.behaviour.humanity import OUR_SIGNS, Signs, judge
from services.capture.domain.behaviour.reading import Behaviour, read_behaviour
from services.capture.domain.behaviour.stitching import Found, Known, Link, awaited
from services.capture.domain.behaviour.telling import told_by
from services.capture.domain.behaviour.view import body_of
from services.capture.domain.erasing import stays_out
from services.capture.domain.identity import IdentityKey, digest_of
from services.capture.domain.reading import fingerprint_of
from services.capture.domain.refusal import Refused, refuse
from services.capture.handlers.arrivals import Arrival, arrival_of
from services.capture.handlers.behaviour_context import context_of, is_by_browser, message_of, written
from services.capture.handlers.behaviour_events import behaviour_settled, lead_behaved
from services.capture.handlers.behaviour_telling import commands_told
from services.capture.handlers.readings import refusal_of
from services.capture.ports import ErasureBook
from shared.handling.outcomes import Decision, InHand, Outcome, OutEvent, Produced, Rejected
from shared.handling.work import Work

STITCHED: Final = "stitched"
ANONYMOUS: Final = "anonymous"
# Of what waited for somebody who is known now; the rest follows by command.
RELEASED_AT_ONCE: Final = 500
_AT_ONCE: Final = 50


class Read(NamedTuple):
    """An event that can be used, with its record. `message` is the digest of what was clicked in, and by whom."""

    arrival: Arrival
    behaviour: Behaviour
    message: str | None


@dataclass(slots=True)
class Batch:
    """What a batch makes of its events: rows to keep, and visitors who became known, with the events that said so.
    `erased_us` says when people were erased, `clicks_us` when links were clicked, by message and person."""

    known: Known
    erased_us: Mapping[IdentityKey, int] = field(default_factory=dict)
    clicks_us: Mapping[str, Sequence[int]] = field(default_factory=dict)
    kept: dict[str, Kept] = field(default_factory=dict)
    linked: dict[str, list[str]] = field(default_factory=dict)

    def cause_of(self, visitor: str, link: Link) -> str:
        """The event of this batch by which what waited for a visitor is let go."""
        causes = self.linked[visitor]
        return link.event_id if link.event_id in causes else causes[0]


@dataclass(frozen=True, slots=True)
class StitchBehaviour:
    """The use case. Every event ends as a lead's (`stitched`), nobody's (`anonymous`), or refused."""

    behaviours: BehaviourBook
    erasures: ErasureBook
    secret: bytes
    default_region: str | None = None
    signs: Signs = OUR_SIGNS

    async def __call__(self, items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        """See shared.messaging.subscription.UseCase."""
        outcomes: list[Outcome | None] = [None] * len(items)
        readable: dict[int, Read] = {}
        for place, item in enumerate(items):
            if place % _AT_ONCE == _AT_ONCE - 1:
                await asyncio.sleep(0)
            if item.decision is None:
                read = self._read(item, work)
                if isinstance(read, Read):
                    readable[place] = read
                else:
                    outcomes[place] = read
        if readable:
            await self._place(readable, outcomes, work)
        await self._publish_again(items, outcomes, work)
        return [outcome for outcome in outcomes if outcome is not None]

    def _read(self, item: InHand, work: Work) -> Read | Outcome:
        arrival = arrival_of(item.record, secret=self.secret)
        if arrival.fault is not None:
            return Rejected(arrival.fault)
        found = read_behaviour(
            item.record.value or b"",
            arrival.content_type,
            source=arrival.source,
            received_ms=item.record.timestamp,
            region=self.default_region,
        )
        if isinstance(found, Refused):
            return _refused(arrival, found, work.instant)
        if found.is_test or arrival.is_test:
            return _settled(arrival, "test", "test", work.instant)
        return Read(arrival, found, message_of(found))

    # -- whose it is --------------------------------------------------------------------------------------------

    async def _place(self, readable: Mapping[int, Read], outcomes: list[Outcome | None], work: Work) -> None:
        """Decide on every readable event, in the order of the log; then let go what waited for those now known."""
        known, strangers = await self._known(list(readable.values()), work)
        erased_us = await self.erasures.kept_out(work, strangers) if strangers else {}
        batch = Batch(known, erased_us, await self._clicks(list(readable.values()), work))
        decided = {place: self._decide(read, batch, work) for place, read in readable.items()}
        settled = await self._let_go(batch, work)
        await self.behaviours.save(work, list(batch.kept.values()), settled, batch.known.parties.values())
        causes = [event_id for linked in batch.linked.values() for event_id in linked]
        released = await self.behaviours.settled_by(work, causes) if causes else []
        more = by_cause([kept for kept in released if kept.settled_by != kept.event_id])
        telling = {kept.event_id: kept for kept in (*batch.kept.values(), *released)}
        commands = await commands_told(self.behaviours, telling.values(), work)
        for place, outcome in decided.items():
            event_id = readable[place].arrival.record.event_id
            others, told = more.get(event_id, ()), commands.get(event_id, ())
            outcomes[place] = outcome._replace(events=(*outcome.events, *map(lead_behaved, others), *told))

    async def _known(self, reads: Sequence[Read], work: Work) -> tuple[Known, list[IdentityKey]]:
        """Whom the batch names: leads, and strangers under lock; with the identities of strangers."""
        names = [read.behaviour.named for read in reads]
        keys = {key for named in names for key in named.keys}
        asked = {named.lead_id for named in names if named.lead_id is not None}
        known = await self.behaviours.people(work, keys, asked) if keys or asked else Known()
        parties = {named.visitor: False for named in names if named.visitor is not None}
        unknown = [named.keys for named in names if named.keys and known.person(named) is None]
        parties |= {digest_of(keys[0]): True for keys in unknown}
        known.parties.update(await self.behaviours.lock(work, parties))
        return known, list({key: None for keys in unknown for key in keys})

    async def _clicks(self, reads: Sequence[Read], work: Work) -> Mapping[str, Sequence[int]]:
        """When links were clicked in the messages of this batch, before and in it."""
        found: dict[str, list[int]] = {}
        for read in reads:
            if read.message is not None:
                found.setdefault(read.message, []).append(read.behaviour.occurred_us)
        if found:
            for message, occurred_us in await self.behaviours.clicks(work, sorted(found)):
                found[message].append(occurred_us)
        return found

    async def _let_go(self, batch: Batch, work: Work) -> list[Settlement]:
        """What waited for visitors who became known in this batch, stored before or within it, becomes their lead's."""
        parties = [party for visitor in batch.linked if (party := batch.known.parties[visitor]).waiting > 0]
        if not parties:
            return []
        stored = await self.behaviours.waiting(work, [party.digest for party in parties], RELEASED_AT_ONCE)
        settled: list[Settlement] = []
        for kept in [*stored, *(kept for kept in batch.kept.values() if kept.waits_for in batch.linked)]:
            party = batch.known.parties[kept.waits_for or ""]
            link = party.link_at(kept.occurred_us)
            if link is None:
                continue
            party.waiting -= 1
            party.changed = True
            cause = batch.cause_of(party.digest, link)
            if kept.event_id in batch.kept:
                batch.kept[kept.event_id] = settled_kept(kept, link, cause)
            else:
                settled.append(Settlement(kept.event_id, link.lead_id, cause, link.event_id, "visitor"))
        return settled

    # -- one event ----------------------------------------------------------------------------------------------

    def _decide(self, read: Read, batch: Batch, work: Work) -> Produced:
        """A lead's by itself, by its visitor, or nobody's yet."""
        arrival, behaviour, _ = read
        named, known = behaviour.named, batch.known
        found = known.person(named)
        if found is None and (why := _why_not(read, batch)) is not None:
            return _refused(arrival, why, work.instant)
        if found is not None and named.visitor is not None:
            _identify(read, found, batch)
        found = found or known.visitor(named, behaviour.occurred_us)
        if found is None:
            return self._keep_waiting(read, batch, work)
        kept = self._kept(read, batch, None, found)
        batch.kept[kept.event_id] = kept
        event = lead_behaved(kept, arrival.record.traceparent)
        return _produced(arrival, STITCHED, found.matched_by, (event,), found.lead_id)

    def _keep_waiting(self, read: Read, batch: Batch, work: Work) -> Produced:
        """An event that is nobody's yet: it is kept for whom it names, as long as not too many are."""
        arrival, named = read.arrival, read.behaviour.named
        digest = awaited(named)
        if digest is None:
            return _settled(arrival, ANONYMOUS, "blocked_id" if named.blocked else "no_identifier", work.instant)
        party = batch.known.parties[digest]
        if party.is_shared:
            return _settled(arrival, ANONYMOUS, "shared_visitor", work.instant)
        if not party.takes_another():
            return _settled(arrival, ANONYMOUS, "too_many_wait", work.instant)
        kept = self._kept(read, batch, digest, None)
        batch.kept[kept.event_id] = kept
        return _settled(arrival, ANONYMOUS, "person_unknown" if named.keys else "visitor_unknown", work.instant)

    def _kept(self, read: Read, batch: Batch, waits_for: str | None, found: Found | None) -> Kept:
        """The row of an event. One that waits for a person notes by what that is named."""
        arrival, behaviour, message = read
        record, named = arrival.record, behaviour.named
        context = context_of(arrival, behaviour)
        clicks_us = batch.clicks_us.get(message or "", ())
        judged = judge(behaviour.kind, behaviour.occurred_us, behaviour.properties, context, self.signs, clicks_us)
        tells = told_by(behaviour, human=judged is None or judged.human)
        if tells is not None and is_by_browser(arrival):  # its key is public: it never changes a lead's facts
            tells = None
        body = body_of(behaviour, arrival.source, judged.fields() if judged else {}, arrival.origin()).decode()
        kept = Kept(
            record.event_id, behaviour.occurred_us, record.timestamp, waits_for, None, None, None, named.visitor,
            message, named.keys[0].kind if named.keys else None, body, written(context) if judged else None, tells,
        )  # fmt: skip
        if found is None:
            return kept
        linked_by = found.link.event_id if found.link is not None else None
        return kept._replace(
            lead_id=found.lead_id, settled_by=record.event_id, linked_by=linked_by, matched_by=found.matched_by
        )

    # -- once more ----------------------------------------------------------------------------------------------

    async def _publish_again(self, items: Sequence[InHand], outcomes: list[Outcome | None], work: Work) -> None:
        """Redelivered records: decided before, published from what is kept, under the same ids."""
        again = [(place, item) for place, item in enumerate(items) if outcomes[place] is None]
        if not again:
            return
        stitched = [item.record.event_id for _, item in again if item.decision and item.decision.outcome == STITCHED]
        found = await self.behaviours.settled_by(work, stitched)
        kept, commands = by_cause(found), await commands_told(self.behaviours, found, work)
        for place, item in again:
            assert item.decision is not None
            event_id = item.record.event_id
            outcome = self._again(item, item.decision, kept.get(event_id, []))
            outcomes[place] = outcome._replace(events=(*outcome.events, *commands.get(event_id, ())))

    def _again(self, item: InHand, decision: Decision, kept: Sequence[Kept]) -> Produced:
        if decision.outcome == STITCHED:
            own = sorted(kept, key=lambda each: each.event_id != item.record.event_id)
            return Produced(STITCHED, tuple(map(lead_behaved, own)), subject=decision.subject, reason=decision.reason)
        arrival = arrival_of(item.record, secret=self.secret)
        at = decision.decided_at
        if decision.outcome == "rejected":
            why = refusal_of(decision)
            event = behaviour_settled(arrival, "rejected", why.code, at, why.field)
        else:
            event = behaviour_settled(arrival, decision.outcome, decision.reason or "", at)
        return Produced(decision.outcome, (event,), reason=decision.reason)


def by_cause(kept: Sequence[Kept]) -> dict[str, list[Kept]]:
    """Events by the one that made them a lead's."""
    found: dict[str, list[Kept]] = {}
    for each in kept:
        found.setdefault(each.settled_by or "", []).append(each)
    return found


def _why_not(read: Read, batch: Batch) -> Refused | None:
    """Why an event that belongs to no lead is refused, if so."""
    arrival, behaviour, _ = read
    keys = behaviour.named.keys
    sent_us = min(behaviour.occurred_us, arrival.record.timestamp * 1000)
    if stays_out(keys, batch.erased_us, sent_us=sent_us, is_listed=False):
        return refuse("erased_before")
    return refuse("unknown_lead", "lead_id") if behaviour.named.lead_id is not None and not keys else None


def _identify(read: Read, found: Found, batch: Batch) -> None:
    """The event names a visitor and a person: from now on the visitor is this person, and was before if nobody else."""
    arrival, behaviour, _ = read
    record, visitor = arrival.record, behaviour.named.visitor or ""
    evidence = {
        "kind": behaviour.kind,
        "source": arrival.source,
        "matched_by": found.matched_by,
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
    }
    link = Link(
        behaviour.occurred_us, found.lead_id, record.event_id, found.matched_by, orjson.dumps(evidence).decode()
    )
    if batch.known.parties[visitor].identify(link):
        batch.linked.setdefault(visitor, []).append(record.event_id)


def settled_kept(kept: Kept, link: Link, cause: str) -> Kept:
    """An event that waited, as its visitor's lead's."""
    return kept._replace(
        waits_for=None, lead_id=link.lead_id, settled_by=cause, linked_by=link.event_id, matched_by="visitor"
    )


def _refused(arrival: Arrival, why: Refused, at: str) -> Produced:
    event = behaviour_settled(arrival, "rejected", why.code, at, why.field)
    fingerprint = fingerprint_of(arrival.record.value or b"")
    detail = arrival.receipt(why.field)
    return Produced("rejected", (event,), reason=why.code, detail=detail, fingerprint=fingerprint)


def _settled(arrival: Arrival, outcome: str, reason: str, at: str) -> Produced:
    return _produced(arrival, outcome, reason, (behaviour_settled(arrival, outcome, reason, at),), None)


def _produced(
    arrival: Arrival, outcome: str, reason: str, events: tuple[OutEvent, ...], lead_id: str | None
) -> Produced:
    fingerprint = fingerprint_of(arrival.record.value or b"")
    return Produced(outcome, events, lead_id, reason, arrival.receipt(), fingerprint)
