"""The leads and identities that a batch touches, and what each submission makes of them, one after the other."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from services.capture.domain.fact_shape import Layer, LeadFacts, Stamp
from services.capture.domain.facts import facts_of, merge_facts
from services.capture.domain.identity import IdentityKey, LinkedLead, Verdict, choose_lead
from services.capture.domain.reading import Reading
from shared.contracts import ids

# A phone that more leads share is a switchboard's: it is no evidence of being the same person any more.
MAX_SHARED: Final = 50

_NEW: Final = Verdict("new", None, None, ())


@dataclass(slots=True)
class Person:
    """A lead as it stands: stored, or as it will be."""

    lead_id: str
    version: int
    facts: LeadFacts
    created_us: int
    changed: bool = False

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


class Placed(NamedTuple):
    """Where a submission ended up. `matched_by` is the kind of the identity that matched."""

    person: Person
    outcome: str
    matched_by: str | None


@dataclass
class People:
    """What is known of the people of a batch. `links` holds the leads of each identity key."""

    links: dict[IdentityKey, list[str]] = field(default_factory=dict)
    leads: dict[str, Person] = field(default_factory=dict)
    new_links: list[NewLink] = field(default_factory=list)

    def place(
        self,
        reading: Reading,
        keys: Sequence[IdentityKey],
        stamp: Stamp,
        event_id: str,
        *,
        source: str,
        touched_at: str,
    ) -> Placed:
        """Add a submission to the lead that it belongs to, or make a new one of it."""
        verdict = self._choose(reading, keys)
        facts = _with_claimed_time(facts_of(reading.clean, stamp, source_name=source), touched_at)
        if verdict.lead_id is None:
            person = Person(ids.derive(ids.LEADS, event_id), 1, facts, stamp.received_us, changed=True)
            self.leads[person.lead_id] = person
        else:
            person = self.leads[verdict.lead_id]
            person.facts = merge_facts(person.facts, facts)
            person.version += 1
            person.changed = True
        self._link(keys, person.lead_id, event_id)
        return Placed(person, verdict.outcome, verdict.matched_by.kind if verdict.matched_by else None)

    def _choose(self, reading: Reading, keys: Iterable[IdentityKey]) -> Verdict:
        found = {key: lead_ids for key in keys if (lead_ids := self.links.get(key)) and len(lead_ids) <= MAX_SHARED}
        if not found:
            return _NEW
        linked: Mapping[IdentityKey, Sequence[LinkedLead]] = {
            key: [self._linked(lead_id) for lead_id in lead_ids] for key, lead_ids in found.items()
        }
        clean = reading.clean
        return choose_lead(list(found), linked, first_name=clean.first_name, last_name=clean.last_name)

    def _linked(self, lead_id: str) -> LinkedLead:
        person = self.leads[lead_id]
        return LinkedLead(lead_id, *person.names(), person.created_us)

    def _link(self, keys: Iterable[IdentityKey], lead_id: str, event_id: str) -> None:
        for key in keys:
            known = self.links.setdefault(key, [])
            if lead_id not in known and len(known) <= MAX_SHARED:
                known.append(lead_id)
                self.new_links.append(NewLink(key, lead_id, event_id))


def stamp_of_record(timestamp_ms: int, partition: int, offset: int, event_id: str) -> Stamp:
    """The stamp of an inbound record. Records of one millisecond, such as a file's, keep their order in the log."""
    return Stamp(timestamp_ms * 1000, f"{offset:012x}.{partition:03x}.{event_id[:13]}")


def _with_claimed_time(facts: LeadFacts, touched_at: str) -> LeadFacts:
    """Note when the source says that it happened. It orders nothing: that is the time of receipt's to do."""
    if not touched_at:
        return facts
    layer = facts.layers[0]
    touch = {**layer.facts.get("t", {}), "occurred_at": touched_at}
    return LeadFacts(facts.counted, (Layer(layer.stamp, {**layer.facts, "t": touch}),))
