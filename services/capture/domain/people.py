"""The leads and identities that a batch touches, and what each submission makes of them, one after the other."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from services.capture.domain.fact_shape import Layer, LeadFacts, Stamp
from services.capture.domain.facts import facts_of, merge_facts, state_from_json, state_to_json
from services.capture.domain.hygiene import CleanSubmission
from services.capture.domain.identity import IdentityKey, LinkedLead, Verdict, choose_lead, identity_keys
from shared.contracts import ids

# A phone that more leads share is a switchboard's: it is no evidence of being the same person any more.
MAX_SHARED: Final = 50

_new: Final = tuple.__new__  # for what is made for each record: a third of the time of a named tuple's own way
_NEW: Final = Verdict("new", None, None, ())


class Person:
    """A lead as it stands: stored, or as it will be. Most are never looked into: their facts stay in the stored form."""

    __slots__ = ("_facts", "_stored", "changed", "created_us", "lead_id", "version")

    def __init__(
        self, lead_id: str, version: int, created_us: int, stored: bytes | str, *, changed: bool = False
    ) -> None:
        self.lead_id = lead_id
        self.version = version
        self.created_us = created_us
        self.changed = changed
        self._stored: bytes | str | None = stored
        self._facts: LeadFacts | None = None

    @property
    def facts(self) -> LeadFacts:
        """What is known of the lead."""
        if self._facts is None:
            assert self._stored is not None
            self._facts = state_from_json(self._stored)
        return self._facts

    def stored(self) -> str:
        """The facts as they are stored."""
        if self._stored is None:
            self._stored = state_to_json(self.facts)
        return self._stored if isinstance(self._stored, str) else self._stored.decode()

    def add(self, facts: LeadFacts, version: int) -> None:
        """Add facts; the lead has this version then."""
        self._facts = merge_facts(self.facts, facts)
        self._stored = None
        self.version = version
        self.changed = True

    def become(self, facts: LeadFacts) -> None:
        """Replace the facts by what they have become; that is a version of its own."""
        self._facts = facts
        self._stored = None
        self.version += 1
        self.changed = True

    def names(self) -> tuple[str | None, str | None]:
        """First and last name, the newest of each."""
        first = last = None
        for layer in self.facts.layers:
            given = layer.facts.get("f")
            if given:
                first, last = given.get("first_name", first), given.get("last_name", last)
        return first, last


class NewLink(NamedTuple):
    """An identity found to belong to a lead, and the event that said so."""

    key: IdentityKey
    lead_id: str
    event_id: str


class Submitted(NamedTuple):
    """A submission, read: who it may be about, and the lead that it makes unless that is somebody known."""

    event_id: str
    keys: tuple[IdentityKey, ...]
    first_name: str | None
    last_name: str | None
    as_new: Person


class Placed(NamedTuple):
    """Where a submission ended up. `matched_by` is the kind of the identity that matched."""

    person: Person
    outcome: str
    matched_by: str | None


def submission_facts(clean: CleanSubmission, stamp: Stamp, *, source: str, touched_at: str) -> LeadFacts:
    """The facts of a lead that has this submission only. `touched_at` is when the source says that it happened: it orders
    nothing, that is the time of receipt's to do."""
    facts = facts_of(clean, stamp, source_name=source)
    if not touched_at:
        return facts
    layer = facts.layers[0]
    touch = {**layer.facts.get("t", {}), "occurred_at": touched_at}
    return LeadFacts(facts.counted, (Layer(layer.stamp, {**layer.facts, "t": touch}),))


def submitted(clean: CleanSubmission, facts: LeadFacts, event_id: str, *, source: str) -> Submitted:
    """A submission with the lead that it makes by itself: the id is the event's for ever."""
    as_new = Person(
        ids.derive(ids.LEADS, event_id), 1, facts.layers[0].stamp.received_us, state_to_json(facts), changed=True
    )
    keys = identity_keys(clean, source_name=source)
    return _new(Submitted, (event_id, keys, clean.first_name, clean.last_name, as_new))


def stamp_of_record(timestamp_ms: int, partition: int, offset: int, event_id: str) -> Stamp:
    """The stamp of an inbound record. Records of one millisecond, such as a file's, keep their order in the log."""
    return _new(Stamp, (timestamp_ms * 1000, "%012x.%03x.%s" % (offset, partition, event_id[:13])))  # noqa: UP031 - quicker


@dataclass
class People:
    """What is known of the people of a batch. `links` holds the leads of each identity key that was known before or came
    up since; `claims` the lead for which each of the others was claimed."""

    links: dict[IdentityKey, list[str]] = field(default_factory=dict)
    leads: dict[str, Person] = field(default_factory=dict)
    claims: Mapping[IdentityKey, str] = field(default_factory=dict)
    new_links: list[NewLink] = field(default_factory=list)
    any_erased: bool = False
    """Whether somebody was ever erased, so that submissions may have to stay out."""

    def place(self, submission: Submitted) -> Placed:
        """Add a submission to the lead that it belongs to, or make a new one of it."""
        verdict = self._choose(submission)
        person = submission.as_new
        if verdict.lead_id is None:
            self.leads[person.lead_id] = person
        else:
            known = self.leads[verdict.lead_id]
            known.add(person.facts, known.version + 1)
            person = known
        self._link(submission.keys, person.lead_id, submission.event_id)
        return Placed(person, verdict.outcome, verdict.matched_by.kind if verdict.matched_by else None)

    def _choose(self, submission: Submitted) -> Verdict:
        if self.links.keys().isdisjoint(submission.keys):
            return _NEW
        found = {key: lead_ids for key in submission.keys if (lead_ids := self._evidence(key))}
        linked: Mapping[IdentityKey, Sequence[LinkedLead]] = {
            key: [self._linked(lead_id) for lead_id in lead_ids] for key, lead_ids in found.items()
        }
        return choose_lead(list(found), linked, first_name=submission.first_name, last_name=submission.last_name)

    def _evidence(self, key: IdentityKey) -> Sequence[str]:
        """The leads of a key, as far as it tells whose a submission is: a click id and a switchboard's phone do not."""
        lead_ids = self.links.get(key, ())
        return lead_ids if key.kind != "click_id" and len(lead_ids) <= MAX_SHARED else ()

    def _linked(self, lead_id: str) -> LinkedLead:
        person = self.leads[lead_id]
        return LinkedLead(lead_id, *person.names(), person.created_us)

    def _link(self, keys: Iterable[IdentityKey], lead_id: str, event_id: str) -> None:
        for key in keys:
            known = self.links.get(key)
            if known is None:
                self.links[key] = [lead_id]
                if self.claims.get(key) == lead_id:
                    continue
            elif lead_id in known or len(known) > MAX_SHARED:
                continue
            else:
                known.append(lead_id)
            self.new_links.append(NewLink(key, lead_id, event_id))
