"""Inbound records become leads: read, claim the identities, decide one after the other, save, say so."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from services.capture.domain.consent import Statement, statements_of
from services.capture.domain.doubles import REPEATED_SUBMISSION, Sent, find_doubles
from services.capture.domain.erasing import stays_out
from services.capture.domain.fact_shape import Layer
from services.capture.domain.guard import Doubts, Guard, with_warnings
from services.capture.domain.joining import Finding
from services.capture.domain.people import (
    NewLink,
    People,
    Placed,
)
from services.capture.domain.person import Person
from services.capture.domain.reading import Reading, document_of_value, read_documents
from services.capture.domain.referring import address_of_referrer, with_referrer
from services.capture.domain.refusal import RefusalCode, Refused, refuse
from services.capture.domain.survivorship import DEFAULT, Survivorship
from services.capture.domain.validation import NO_RULES, Validation
from services.capture.domain.vocabulary import BUILT_IN, Vocabulary
from services.capture.handlers.arrivals import INBOUND_TOPICS, QUARANTINED, Arrival, arrival_of
from services.capture.handlers.events import lead_captured, lead_merged, lead_rejected, receipt_settled
from services.capture.handlers.holding import held_of, hold, quarantined
from services.capture.handlers.note_targets import NoteTargets, Seen
from services.capture.handlers.readings import Clean, Read, facts_alone, read_clean, refusal_of, refused
from services.capture.ports import (
    ConsentBook,
    DoubleBook,
    ErasureBook,
    Held,
    LeadBook,
    MergeBook,
    QuarantineBook,
    ReferrerBook,
    StoredMerge,
    ValidationBook,
)
from services.capture.sources.register import NO_WEB_SOURCES, Formats
from shared.handling.outcomes import Decision, InHand, Outcome, OutEvent, Produced, Rejected, Skipped
from shared.handling.records import Record
from shared.handling.work import Work

# Reading and deciding is CPU: the loop that also answers requests and keeps the group's membership gets a turn in between.
_AT_ONCE: Final = 50
TEST_REASON: Final = "test"
FINDINGS: Final = "findings"
_new: Final = tuple.__new__  # for what is made for each record: a third of the time of a named tuple's own way


@dataclass(frozen=True, slots=True)
class CaptureLeads:
    """The use case. Every record of an inbound topic leaves with exactly one receipt: its decision."""

    leads: LeadBook
    merges: MergeBook
    erasures: ErasureBook
    targets: NoteTargets
    quarantine: QuarantineBook
    consents: ConsentBook
    secret: bytes
    default_region: str | None = None
    formats: Formats = NO_WEB_SOURCES
    doubles: DoubleBook | None = None
    double_window_s: int = 600
    guard: Guard | None = None
    vocabulary: Vocabulary = BUILT_IN
    survivorship: Survivorship = DEFAULT
    validations: ValidationBook | None = None
    referrers: ReferrerBook | None = None

    async def __call__(self, items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        """See shared.messaging.subscription.UseCase."""
        outcomes: list[Outcome | None] = [None] * len(items)
        readable: dict[int, Read] = {}
        held: dict[int, Held] = {}
        fresh = [(place, item.record) for place, item in enumerate(items) if item.decision is None]
        validation = await self.validations.read(work) if fresh and self.validations is not None else NO_RULES
        clean: list[Clean] = []
        for start in range(0, len(fresh), _AT_ONCE):
            if start:
                await asyncio.sleep(0)
            clean += self._read(fresh[start : start + _AT_ONCE], outcomes, held, work)
        clean = await self._name_referrers(clean, work)
        for start in range(0, len(clean), _AT_ONCE):
            if start:
                await asyncio.sleep(0)
            self._judge(clean[start : start + _AT_ONCE], readable, outcomes, work, validation)
        if held:
            erased = await hold(held, self.quarantine, self.erasures, work, self.secret)
            for place, arrival in erased.items():
                outcomes[place] = refused(arrival, refuse("erased_before"), work)
        await self._place(readable, outcomes, work)
        await self._publish_again(items, outcomes, work)
        return [outcome for outcome in outcomes if outcome is not None]

    def _read(
        self,
        records: Sequence[tuple[int, Record]],
        outcomes: list[Outcome | None],
        held: dict[int, Held],
        work: Work,
    ) -> list[Clean]:
        """Read some records, step by step for all of them. What cannot be read, is a test or is held has its outcome then."""
        usable: list[tuple[int, Arrival]] = []
        for place, record in records:
            arrival = arrival_of(record, secret=self.secret)
            fault = arrival.fault or (self.formats.fault(arrival.format, arrival.source) if arrival.format else None)
            if fault is not None or record.topic not in INBOUND_TOPICS:
                outcomes[place] = Rejected(fault or "unknown_type")
            else:
                usable.append((place, arrival))
        clean: list[Clean] = []
        for (place, arrival), reading in zip(usable, self._readings(usable), strict=True):
            if isinstance(reading, Refused):
                outcomes[place] = refused(arrival, reading, work)
            elif reading.is_test or arrival.is_test:
                outcomes[place] = _settle_test(arrival, work)
            elif arrival.signals is None or self.guard is None:
                clean.append((place, arrival, reading.clean))
            elif (doubts := self._doubts(arrival, reading, self.guard)).points >= self.guard.quarantine_at:
                held[place] = held_of(arrival, reading.clean, doubts)
                outcomes[place] = quarantined(arrival, doubts.reasons, work)
            else:
                clean.append((place, arrival, with_warnings(reading.clean, doubts)))
        return clean

    async def _name_referrers(self, clean: list[Clean], work: Work) -> list[Clean]:
        """Who is referred by the address of a lead is referred by that lead: no query for a batch that names none."""
        if self.referrers is None:
            return clean
        wanted = {place: key for place, _, each in clean if (key := address_of_referrer(each)) is not None}
        if not wanted:
            return clean
        known = await self.referrers.find(work, set(wanted.values()))
        return [
            (place, arrival, with_referrer(each, known.get(wanted[place], ())) if place in wanted else each)
            for place, arrival, each in clean
        ]

    def _judge(
        self,
        clean: Sequence[Clean],
        readable: dict[int, Read],
        outcomes: list[Outcome | None],
        work: Work,
        validation: Validation,
    ) -> None:
        """What some submissions lead to if their leads are new. Those that the rules refuse have their outcome then."""
        for place, settled in read_clean(clean, work, self.secret, self.survivorship, validation):
            if isinstance(settled, Read):
                readable[place] = settled
            else:
                outcomes[place] = settled

    def _doubts(self, arrival: Arrival, reading: Reading, guard: Guard) -> Doubts:
        signals, received_ms = arrival.signals or "", arrival.record.timestamp
        return guard.doubts(
            reading.clean, reading.traps, source=arrival.source, signals=signals, received_ms=received_ms
        )

    def _readings(self, usable: Sequence[tuple[int, Arrival]]) -> Sequence[Reading | Refused]:
        documents = [
            self.formats.read(a.format, a.source, a.record.value or b"", a.content_type, a.damage)
            if a.format
            else document_of_value(a.record.value or b"", a.content_type, a.damage)
            for _, a in usable
        ]
        return read_documents(documents, default_region=self.default_region, vocabulary=self.vocabulary)

    async def _place(self, readable: Mapping[int, Read], outcomes: list[Outcome | None], work: Work) -> None:
        """Decide on every readable record, in the order of the log."""
        if not readable:
            return
        doubles = await self._find_doubles(readable, work)
        if doubles:
            repeated = {place: readable[place] for place in doubles}
            readable = {place: read for place, read in readable.items() if place not in doubles}
        people = await self.leads.load(work, _wanted(readable.values()))
        if people.any_erased:
            readable = await self._keep_out(readable, outcomes, work)
        await self.leads.load_likes(work, people, [read.submission for read in readable.values()])
        for place, read in readable.items():
            if place % _AT_ONCE == _AT_ONCE - 1:
                await asyncio.sleep(0)
            outcomes[place] = _settle(read, people, work)
        await self.leads.save(work, people)
        if people.joining.merges:
            await self.merges.save(work, people.joining.merges, ())
        await self.targets(_listed(readable, outcomes), people, work)
        if doubles:
            for place, first in doubles.items():
                outcomes[place] = settle_double(repeated[place].arrival, first, outcomes, work)
        await self._note_forms(readable, outcomes, work)
        if stated := _statements(readable, outcomes):
            await self.consents.add(work, stated)

    async def _find_doubles(self, readable: Mapping[int, Read], work: Work) -> Mapping[int, str | int]:
        """Forms that were sent before, by place: no query for a batch without forms."""
        forms = [(place, read.digest, read.arrival.record.timestamp) for place, read in readable.items() if read.digest]
        if not forms or self.doubles is None:
            return {}
        known = await self.doubles.known(work, [digest for _, digest, _ in forms])
        return find_doubles(forms, known, window_ms=self.double_window_s * 1000)

    async def _note_forms(self, readable: Mapping[int, Read], outcomes: Sequence[Outcome | None], work: Work) -> None:
        sent = [
            Sent(read.digest, outcome.subject, read.arrival.record.timestamp)
            for place, read in readable.items()
            if read.digest and isinstance(outcome := outcomes[place], Produced) and outcome.subject is not None
        ]
        if sent and self.doubles is not None:
            await self.doubles.save(work, sent)

    async def _keep_out(
        self, readable: Mapping[int, Read], outcomes: list[Outcome | None], work: Work
    ) -> Mapping[int, Read]:
        """Refuse what would bring back somebody who was erased; the rest."""
        keys = {key for read in readable.values() for key in read.submission.keys}
        erased_us = await self.erasures.kept_out(work, sorted(keys))
        if not erased_us:
            return readable
        kept: dict[int, Read] = {}
        for place, read in readable.items():
            arrival = read.arrival
            is_listed = read.listed is not None or arrival.is_listed()
            if stays_out(read.submission.keys, erased_us, sent_us=arrival.sent_us(), is_listed=is_listed):
                outcomes[place] = refused(arrival, refuse("erased_before"), work)
            else:
                kept[place] = read
        return kept

    async def _publish_again(self, items: Sequence[InHand], outcomes: list[Outcome | None], work: Work) -> None:
        """Redelivered records: decided before, published from the newest state under the same ids."""
        again = [(place, item, item.decision) for place, item in enumerate(items) if outcomes[place] is None]
        if not again:
            return
        lead_ids = [decision.subject for _, _, decision in again if decision is not None and decision.subject]
        found = await self.leads.load_leads(work, lead_ids) if lead_ids else {}
        merge_ids = [each.merge_id for _, _, decision in again for each in findings_of(decision) if each.merge_id]
        merges = await self.merges.find(work, merge_ids) if merge_ids else {}
        arrivals = {place: arrival_of(item.record, secret=self.secret) for place, item, _ in again}
        told = [place for place, _, decision in again if decision is not None and decision.subject in found]
        own = self._layers(arrivals, told)
        for place, _, decision in again:
            assert decision is not None
            person = found.get(decision.subject or "")
            outcomes[place] = _again(arrivals[place], decision, person, merges, own.get(place))

    def _layers(self, arrivals: Mapping[int, Arrival], told: Sequence[int]) -> Mapping[int, Layer]:
        """What submissions that were captured before say themselves: their leads may have come further since."""
        readings = self._readings([(place, arrivals[place]) for place in told])
        return {
            place: facts_alone(arrivals[place], reading.clean, self.survivorship).layers[0]
            for place, reading in zip(told, readings, strict=True)
            if not isinstance(reading, Refused)
        }


def _statements(readable: Mapping[int, Read], outcomes: Sequence[Outcome | None]) -> list[Statement]:
    """What the people of a batch agreed to and refused, each for the lead that it became."""
    stated: list[Statement] = []
    for place, (arrival, submission, *_, agreed) in readable.items():
        outcome = outcomes[place]
        if agreed is not None and isinstance(outcome, Produced) and outcome.subject is not None:
            at = arrival.record.timestamp * 1000
            of_lead = (outcome.subject, submission.event_id)
            stated += statements_of(agreed, *of_lead, received_us=at, source=arrival.source)
    return stated


def _wanted(reads: Iterable[Read]) -> list[NewLink]:
    """Each identity for the lead that its submission makes by itself."""
    return [
        _new(NewLink, (key, submission.as_new.lead_id, submission.event_id))
        for _, submission, *_ in reads
        for key in submission.keys
    ]


def _listed(readable: Mapping[int, Read], outcomes: Sequence[Outcome | None]) -> Iterator[Seen]:
    """Which leads lists named, and which known ones something else did."""
    for place, read in readable.items():
        settled = outcomes[place]
        if isinstance(settled, Produced) and settled.subject and (read.listed is not None or settled.outcome != "new"):
            yield Seen(settled.subject, read.listed)


def _settle(read: Read, people: People, work: Work) -> Produced:
    arrival, submission, event, *_ = read
    placed = people.place(submission)
    person, outcome, matched_by, member_id, findings = placed
    fingerprint = arrival.fingerprint()
    if findings:
        return _settle_findings(read, placed, people, fingerprint, work)
    if person is not submission.as_new:
        own = submission.as_new.facts.layers[0]
        event = lead_captured(arrival, outcome, matched_by, person, work.instant, subject=member_id, own=own)
    return _new(Produced, (outcome, (event,), member_id, matched_by, arrival.receipt(), fingerprint, ()))


def _settle_findings(read: Read, placed: Placed, people: People, fingerprint: int, work: Work) -> Produced:
    """A submission that shows something of other leads: merges go out with it, and all of it is on its event."""
    arrival, submission, *_ = read
    person, outcome, matched_by, member_id, findings = placed
    own, now = submission.as_new.facts.layers[0], work.instant
    captured = lead_captured(arrival, outcome, matched_by, person, now, subject=member_id, findings=findings, own=own)
    made = {finding.merge_id for finding in findings}
    merged = [
        lead_merged(arrival.record, merge, person, work.instant)
        for merge in people.joining.merges
        if merge.merge_id in made
    ]
    detail = {**arrival.receipt(), FINDINGS: [[*finding] for finding in findings]}
    return Produced(outcome, (captured, *merged), member_id, matched_by, detail, fingerprint)


def findings_of(decision: Decision | None) -> list[Finding]:
    """What was found out about other leads when this was decided."""
    if decision is None or decision.detail is None:
        return []
    return [Finding(*stored) for stored in decision.detail.get(FINDINGS, ())]


def _settle_test(arrival: Arrival, work: Work) -> Produced:
    return Produced(
        "test",
        (receipt_settled(arrival, "test", TEST_REASON, None, work.instant),),
        reason=TEST_REASON,
        detail=arrival.receipt(),
        fingerprint=arrival.fingerprint(),
    )


def settle_double(arrival: Arrival, first: str | int, outcomes: Sequence[Outcome | None], work: Work) -> Produced:
    """A form that was sent before, about this lead or at this place of the batch: nothing about the lead changes. Where the
    first was refused, so is this."""
    earlier = outcomes[first] if isinstance(first, int) else None
    lead_id = first if isinstance(first, str) else earlier.subject if isinstance(earlier, Produced) else None
    if lead_id is None:
        code = earlier.reason if isinstance(earlier, Produced) else None
        return refused(arrival, refuse(cast(RefusalCode, code or "invalid_value")), work)
    event = receipt_settled(arrival, "merged", REPEATED_SUBMISSION, lead_id, work.instant)
    return Produced(
        "merged", (event,), lead_id, REPEATED_SUBMISSION, arrival.receipt(), fingerprint=arrival.fingerprint()
    )


def _again(
    arrival: Arrival,
    decision: Decision,
    person: Person | None,
    merges: Mapping[str, StoredMerge],
    own: Layer | None,
) -> Outcome:
    at = decision.decided_at
    events: tuple[OutEvent, ...]
    if decision.outcome == "test":
        events = (receipt_settled(arrival, "test", TEST_REASON, None, at),)
    elif decision.outcome == "rejected":
        events = (lead_rejected(arrival, refusal_of(decision), at),)
    elif decision.reason == REPEATED_SUBMISSION:
        events = (receipt_settled(arrival, "merged", REPEATED_SUBMISSION, decision.subject, at),)
    elif decision.outcome == QUARANTINED:
        reasons = (decision.detail or {}).get("reasons", ())
        events = (receipt_settled(arrival, QUARANTINED, decision.reason or "", None, at, reasons=reasons),)
    elif person is None:
        return Skipped("lead_gone", decision.subject)
    else:
        events = _captured_again(arrival, decision, person, merges, own)
    return Produced(decision.outcome, events, subject=decision.subject, reason=decision.reason)


def _captured_again(
    arrival: Arrival, decision: Decision, person: Person, merges: Mapping[str, StoredMerge], own: Layer | None
) -> tuple[OutEvent, ...]:
    subject, at, findings = decision.subject or "", decision.decided_at, findings_of(decision)
    captured = lead_captured(
        arrival, decision.outcome, decision.reason, person, at, subject=subject, findings=findings, own=own
    )
    made = [merges[each.merge_id] for each in findings if each.merge_id and each.merge_id in merges]
    return captured, *(lead_merged(arrival.record, merge, person, at) for merge in made)
