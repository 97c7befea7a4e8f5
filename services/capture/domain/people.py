"""The leads and identities that a batch touches, and what each submission makes of them, one after the other."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from services.capture.domain.blocking import block_keys
from services.capture.domain.fact_shape import Layer, LeadFacts, Stamp
from services.capture.domain.facts import facts_of, state_to_json
from services.capture.domain.hygiene import CleanSubmission
from services.capture.domain.identity import (
    IdentityKey,
    LinkedLead,
    Verdict,
    choose_lead,
    identity_keys,
    tagged_addresses,
)
from services.capture.domain.joining import Finding, Joining, is_strong
from services.capture.domain.person import Person
from services.capture.domain.survivorship import DEFAULT, Survivorship
from shared.contracts import ids

# A phone that more leads share is a switchboard's: it is no evidence of being the same person any more.
MAX_SHARED: Final = 50

_new: Final = tuple.__new__  # for what is made for each record: a third of the time of a named tuple's own way
_NEW: Final = Verdict("new", None, None, ())


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
    tagged: frozenset[str] = frozenset()
    blocks: tuple[int, ...] = ()


class Placed(NamedTuple):
    """Where a submission ended up: the lead as it is published, and the one of its members that the submission is about
    (`member_id`). `matched_by` is the kind of the identity that matched, `findings` what was found out about others."""

    person: Person
    outcome: str
    matched_by: str | None
    member_id: str
    findings: tuple[Finding, ...] = ()


def submission_facts(
    clean: CleanSubmission, stamp: Stamp, *, source: str, touched_at: str, survivorship: Survivorship = DEFAULT
) -> LeadFacts:
    """The facts of a lead that has this submission only. `touched_at` is when the source says that it happened: it orders
    nothing, that is the time of receipt's to do."""
    facts = facts_of(clean, stamp, source_name=source, survivorship=survivorship)
    if not touched_at:
        return facts
    layer = facts.layers[0]
    touch = {**layer.facts.get("t", {}), "occurred_at": touched_at}
    return facts._replace(layers=(Layer(layer.stamp, {**layer.facts, "t": touch}),))


def submitted(clean: CleanSubmission, facts: LeadFacts, event_id: str, *, source: str) -> Submitted:
    """A submission with the lead that it makes by itself: the id is the event's for ever."""
    as_new = Person(
        ids.derive(ids.LEADS, event_id),
        1,
        facts.layers[0].stamp.received_us,
        state_to_json(facts),
        changed=True,
        survivorship=facts.survivorship,
    )
    keys = identity_keys(clean, source_name=source)
    tagged, blocks = tagged_addresses(clean.emails), block_keys(clean.facts)
    return _new(Submitted, (event_id, keys, clean.first_name, clean.last_name, as_new, tagged, blocks))


def stamp_of_record(timestamp_ms: int, partition: int, offset: int, event_id: str) -> Stamp:
    """The stamp of an inbound record. Records of one millisecond, such as a file's, keep their order in the log."""
    return _new(Stamp, (timestamp_ms * 1000, "%012x.%03x.%s" % (offset, partition, event_id[:13])))  # noqa: UP031 - quicker


@dataclass
class People:
    """What is known of the people of a batch. `links` holds the leads of each identity key that was known before or came
    up since; `claims` the lead for which each of the others was claimed; `joining` what is known of their likes."""

    links: dict[IdentityKey, list[str]] = field(default_factory=dict)
    leads: dict[str, Person] = field(default_factory=dict)
    claims: Mapping[IdentityKey, str] = field(default_factory=dict)
    new_links: list[NewLink] = field(default_factory=list)
    joining: Joining = field(default_factory=Joining)
    any_erased: bool = False
    """Whether somebody was ever erased, so that submissions may have to stay out."""

    def place(self, submission: Submitted) -> Placed:
        """Add a submission to the lead that it belongs to, or make a new one of it; then join what it shows to be one."""
        verdict = self._choose(submission)
        if verdict.lead_id is None:
            return self._place_new(submission, verdict)
        member = self.leads[verdict.lead_id]
        if submission.blocks:
            self.joining.enter(member, submission.blocks)
        self._add(member, submission.as_new.facts)
        self._link(submission.keys, member.lead_id, submission.event_id)
        findings = self.joining.judge(self.leads, submission.event_id, member, verdict, ())
        root = self.joining.root_of(self.leads, member)
        matched_by = verdict.matched_by.kind if verdict.matched_by else None
        return _new(Placed, (root, verdict.outcome, matched_by, member.lead_id, findings))

    def _place_new(self, submission: Submitted, verdict: Verdict) -> Placed:
        """A lead of its own, and joined at once to somebody known whom it is by all it says."""
        member = submission.as_new
        mates = self.joining.enter_new(member.lead_id, submission.blocks) if submission.blocks else ()
        self.leads[member.lead_id] = member
        self._link(submission.keys, member.lead_id, submission.event_id)
        if not mates and not verdict.also_matches:
            return _new(Placed, (member, "new", None, member.lead_id, ()))
        findings = self.joining.judge(self.leads, submission.event_id, member, verdict, mates)
        root = self.joining.root_of(self.leads, member)
        outcome, matched_by = ("new", None) if root is member else ("merged", "profile")
        return _new(Placed, (root, outcome, matched_by, member.lead_id, findings))

    def blocks_wanted(self, submissions: Iterable[Submitted]) -> set[int]:
        """Before anything is placed: where to look for the likes of those whom no identifier of one person places."""
        return {
            block
            for submission in submissions
            if submission.blocks and not any(key in self.links and is_strong(key) for key in submission.keys)
            for block in submission.blocks
        }

    def may_join(self, submissions: Iterable[Submitted]) -> bool:
        """Before anything is placed: whether leads that are known may turn out to be one person."""
        if len(self.leads) < 2:
            return False
        if self.joining.blocks:
            return True
        return any(
            len({lead_id for key in submission.keys for lead_id in self._evidence(key)}) > 1
            for submission in submissions
        )

    def _add(self, member: Person, facts: LeadFacts) -> None:
        """To the lead itself, and to the one that it was merged into."""
        root = self.joining.root_of(self.leads, member)
        member.attribute(facts)
        if root is not member:
            member.add(facts, member.version)
        root.add(facts, root.version + 1)

    def _choose(self, submission: Submitted) -> Verdict:
        if self.links.keys().isdisjoint(submission.keys):
            return _NEW
        found = {key: lead_ids for key in submission.keys if (lead_ids := self._evidence(key))}
        if (plain := self._plain(submission, found)) is not None:
            return plain
        linked: Mapping[IdentityKey, Sequence[LinkedLead]] = {
            key: [self.leads[lead_id].linked() for lead_id in lead_ids] for key, lead_ids in found.items()
        }
        return choose_lead(
            list(submission.keys),
            linked,
            first_name=submission.first_name,
            last_name=submission.last_name,
            tagged=submission.tagged,
        )

    def _plain(self, submission: Submitted, found: Mapping[IdentityKey, Sequence[str]]) -> Verdict | None:
        """What `choose_lead` says where all that is known leads to one lead, and one person's identifier to it first."""
        lead_ids = {lead_id for several in found.values() for lead_id in several}
        if len(lead_ids) != 1:
            return None
        (lead_id,), key = lead_ids, next(iter(found))
        if not is_strong(key) or (key.kind == "email" and key.value in submission.tagged):
            return None
        if key.kind == "email" and self.leads[lead_id].has_tagged(key.value):
            return None
        return Verdict("merged", lead_id, key, ())

    def _evidence(self, key: IdentityKey) -> Sequence[str]:
        """The leads of a key, as far as it tells whose a submission is: a click id and a switchboard's phone do not."""
        lead_ids = self.links.get(key, ())
        return lead_ids if key.kind != "click_id" and len(lead_ids) <= MAX_SHARED else ()

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
