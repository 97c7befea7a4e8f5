"""Inbound records become leads: read, claim the identities, decide one after the other, save, say so."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

from services.capture.domain.identity import IdentityKey, identity_keys
from services.capture.domain.people import People, Person, stamp_of_record
from services.capture.domain.reading import Reading, fingerprint_of, read_value
from services.capture.domain.refusal import DETAILS, RefusalCode, Refused
from services.capture.handlers.arrivals import INBOUND_TOPICS, Arrival, arrival_of
from services.capture.handlers.events import lead_captured, lead_rejected, receipt_settled
from services.capture.ports import LeadBook, Receipt, ReceiptBook
from shared.handling.outcomes import Decision, InHand, Outcome, Produced, Rejected, Skipped
from shared.handling.work import Work

# Reading and deciding is CPU: the loop that also answers requests and keeps the group's membership gets a turn in between.
_AT_ONCE: Final = 50
TEST_REASON: Final = "test"


@dataclass(frozen=True, slots=True)
class Read:
    """A record's value, read, with the identity keys it holds."""

    arrival: Arrival
    reading: Reading
    keys: tuple[IdentityKey, ...]


@dataclass(frozen=True, slots=True)
class CaptureLeads:
    """The use case. Every record of an inbound topic leaves with exactly one receipt."""

    leads: LeadBook
    receipts: ReceiptBook
    secret: bytes
    default_region: str | None = None

    async def __call__(self, items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        """See shared.messaging.subscription.UseCase."""
        outcomes: list[Outcome | None] = [None] * len(items)
        receipts: list[Receipt] = []
        readable: dict[int, Read] = {}
        for place, item in enumerate(items):
            await _give_way(place)
            read = self._read(item)
            if isinstance(read, Read):
                readable[place] = read
            else:
                outcomes[place] = self._settle_unusable(item, read, receipts, work)
        await self._place(items, readable, outcomes, receipts, work)
        await self._publish_again(items, outcomes, work)
        await self.receipts.save(work, receipts)
        return [outcome for outcome in outcomes if outcome is not None]

    def _read(self, item: InHand) -> "Read | Arrival | tuple[Arrival, Refused]":
        """The record read, or refused, or an arrival alone: to be dead-lettered, or decided before."""
        record = item.record
        arrival = arrival_of(record, secret=self.secret)
        if arrival.fault is not None or record.topic not in INBOUND_TOPICS or item.decision is not None:
            return arrival
        reading = read_value(
            record.value or b"", arrival.content_type, damage=arrival.damage, default_region=self.default_region
        )
        if isinstance(reading, Refused):
            return arrival, reading
        return Read(arrival, reading, identity_keys(reading.clean, source_name=arrival.source))

    def _settle_unusable(
        self, item: InHand, read: "Arrival | tuple[Arrival, Refused]", receipts: list[Receipt], work: Work
    ) -> Outcome | None:
        if isinstance(read, Arrival):
            if item.decision is not None:
                return None
            return Rejected(read.fault or "unknown_type")
        arrival, why = read
        receipts.append(_receipt(arrival, "rejected", why.code, field=why.field))
        return Produced(
            "rejected",
            (lead_rejected(arrival, why, work.instant),),
            reason=why.code,
            detail={"field": why.field} if why.field else None,
            fingerprint=fingerprint_of(item.record.value or b""),
        )

    async def _place(
        self,
        items: Sequence[InHand],
        readable: dict[int, Read],
        outcomes: list[Outcome | None],
        receipts: list[Receipt],
        work: Work,
    ) -> None:
        """Decide on every readable record, in the order of the log."""
        tests = {place for place, read in readable.items() if read.arrival.is_test or read.reading.is_test}
        keys = {key for place, read in readable.items() if place not in tests for key in read.keys}
        if not readable:
            return
        people = await self.leads.load(work, keys)
        for place, read in readable.items():
            await _give_way(place)
            if place in tests:
                outcomes[place] = _settle_test(read, receipts, work)
            else:
                outcomes[place] = self._settle(read, people, receipts, work)
        await self.leads.save(work, people)

    def _settle(self, read: Read, people: People, receipts: list[Receipt], work: Work) -> Produced:
        arrival, record = read.arrival, read.arrival.record
        placed = people.place(
            read.reading,
            read.keys,
            stamp_of_record(record.timestamp, record.partition, record.offset, record.event_id),
            record.event_id,
            source=arrival.source,
            touched_at=arrival.touched_at,
        )
        lead_id = placed.person.lead_id
        receipts.append(_receipt(arrival, placed.outcome, placed.matched_by, lead_id=lead_id))
        return Produced(
            placed.outcome,
            (lead_captured(arrival, placed.outcome, placed.matched_by, placed.person, work.instant),),
            subject=lead_id,
            reason=placed.matched_by,
            fingerprint=fingerprint_of(record.value or b""),
        )

    async def _publish_again(self, items: Sequence[InHand], outcomes: list[Outcome | None], work: Work) -> None:
        """Redelivered records: decided before, published from the newest state under the same ids."""
        again = [(place, item, item.decision) for place, item in enumerate(items) if outcomes[place] is None]
        if not again:
            return
        lead_ids = [decision.subject for _, _, decision in again if decision is not None and decision.subject]
        found = await self.leads.load_leads(work, lead_ids) if lead_ids else {}
        for place, item, decision in again:
            assert decision is not None
            arrival = arrival_of(item.record, secret=self.secret)
            outcomes[place] = _again(arrival, decision, found.get(decision.subject or ""))


async def _give_way(place: int) -> None:
    if place % _AT_ONCE == _AT_ONCE - 1:
        await asyncio.sleep(0)


def refusal_of(decision: Decision) -> Refused:
    """The refusal that was stored with a decision."""
    code = cast(RefusalCode, decision.reason or "invalid_value")
    return Refused(code, (decision.detail or {}).get("field"), DETAILS.get(code, ""))


def _again(arrival: Arrival, decision: Decision, person: Person | None) -> Outcome:
    at = decision.decided_at
    if decision.outcome == "test":
        event = receipt_settled(arrival, "test", TEST_REASON, None, at)
    elif decision.outcome == "rejected":
        event = lead_rejected(arrival, refusal_of(decision), at)
    elif person is None:
        return Skipped("lead_gone", decision.subject)
    else:
        subject = decision.subject or ""
        event = lead_captured(arrival, decision.outcome, decision.reason, person, at, subject=subject)
    return Produced(decision.outcome, (event,), subject=decision.subject, reason=decision.reason)


def _settle_test(read: Read, receipts: list[Receipt], work: Work) -> Produced:
    receipts.append(_receipt(read.arrival, "test", TEST_REASON))
    event = receipt_settled(read.arrival, "test", TEST_REASON, None, work.instant)
    return Produced("test", (event,), reason=TEST_REASON, fingerprint=fingerprint_of(read.arrival.record.value or b""))


def _receipt(
    arrival: Arrival, outcome: str, reason: str | None, *, field: str | None = None, lead_id: str | None = None
) -> Receipt:
    record = arrival.record
    return Receipt(record.event_id, record, arrival.source, outcome, reason, field, lead_id, arrival.row)
