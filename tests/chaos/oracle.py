"""The one oracle: the same questions after every fault. Pure: evidence in, findings out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.contracts.topics import ROUTED, SCORED
from tests.chaos.evidence import Evidence
from tests.chaos.people import Submission


@dataclass(slots=True)
class Sent:
    """What sources sent and what was acknowledged to them."""

    events: set[str] = field(default_factory=set)
    people: dict[str, str | None] = field(default_factory=dict)
    open_fate: set[str] = field(default_factory=set)

    def acknowledged(self, submission: Submission) -> None:
        """It is in Kafka, as far as its source was told."""
        self.events.add(submission.event_id)
        if submission.person is None:
            return
        if submission.open_fate:
            self.open_fate.add(submission.person)
        else:
            self.people[submission.person] = submission.company

    @property
    def hot(self) -> set[str]:
        """People who must become opportunities."""
        return {person for person, company in self.people.items() if company}

    @property
    def companies(self) -> set[str]:
        """Companies that must become accounts."""
        return {company for company in self.people.values() if company}


@dataclass(slots=True)
class Allowed:
    """What the faults so far have caused on purpose: dead letters, events that go out again with the same id (after a
    kill and a reset by a foreign tool), people who may stay behind (their record was dead-lettered on the way)."""

    dead_letters: int = 0
    repeated: int = 0
    excused: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Stored:
    """What conversion's tables and reporting's ledger say."""

    accounts: int
    contacts: int
    opportunities: int
    conversions: frozenset[str]
    ledger_received: int
    ledger_problems: Sequence[str]


@dataclass(frozen=True, slots=True)
class Findings:
    """`wrong` cannot become right any more; `missing` may still be on its way."""

    wrong: Sequence[str]
    missing: Sequence[str]

    @property
    def all(self) -> list[str]:
        return [*self.wrong, *self.missing]


def examine(evidence: Evidence, sent: Sent, allowed: Allowed) -> Findings:
    """What the topics tell by themselves."""
    excused = {lead for person in allowed.excused for lead in evidence.lead_of.get(person, ())}
    wrong = [
        *_several_outcomes(evidence),
        *_doubled(evidence, allowed),
        *_unexpected_conversions(evidence, sent),
        *_too_many_dead(evidence, allowed),
    ]
    return Findings(wrong, _not_yet(evidence, sent, allowed, frozenset(excused)))


def _several_outcomes(evidence: Evidence) -> list[str]:
    several = [place for place, n in evidence.outcomes.items() if n > 1]
    unknown = [place for place in evidence.outcomes if place not in evidence.received]
    found = [f"{len(several)} received records with several outcomes, e.g. {tuple(several[0])}"] if several else []
    return found + ([f"{len(unknown)} outcomes of records that nobody received"] if unknown else [])


def _doubled(evidence: Evidence, allowed: Allowed) -> list[str]:
    twice = [lead for lead, n in evidence.converted.items() if n > 1]
    several = [person for person, leads in evidence.lead_of.items() if len(leads) > 1]
    repeated = sum(evidence.repeated.values())
    found = [f"{len(twice)} leads converted more than once, e.g. {twice[0]}"] if twice and not allowed.repeated else []
    found += [f"{len(several)} people with several leads, e.g. {several[0]}"] if several else []
    if repeated > allowed.repeated:
        found.append(f"{repeated} events twice: {dict(evidence.repeated)}, e.g. {'; '.join(evidence.repeated_at)}")
    if evidence.backwards:
        found.append(f"{len(evidence.backwards)} versions went back, e.g. {evidence.backwards[0]}")
    return found


def _unexpected_conversions(evidence: Evidence, sent: Sent) -> list[str]:
    cold = {
        lead for person, company in sent.people.items() if company is None for lead in evidence.lead_of.get(person, ())
    }
    strangers = [lead for lead in evidence.converted if lead in cold]
    return [f"{len(strangers)} cold leads converted"] if strangers else []


def _too_many_dead(evidence: Evidence, allowed: Allowed) -> list[str]:
    dead = sum(evidence.dead.values())
    return (
        [f"{dead} dead letters, not {allowed.dead_letters}: {dict(evidence.dead)}"]
        if dead > allowed.dead_letters
        else []
    )


def _not_yet(evidence: Evidence, sent: Sent, allowed: Allowed, excused: frozenset[str]) -> list[str]:
    lost = sent.events - set(evidence.received.values())
    without = evidence.received.keys() - evidence.outcomes.keys()
    unknown = [person for person in sent.people if person not in evidence.lead_of and person not in allowed.excused]
    unconverted = [
        person
        for person in sent.hot - allowed.excused
        if not any(lead in evidence.converted for lead in evidence.lead_of.get(person, ()))
    ]
    dead = sum(evidence.dead.values())
    counts = {
        "acknowledged events are not in Kafka": len(lost),
        "received records without an outcome": len(without),
        "people without a lead": len(unknown),
        "leads whose newest version was not scored": len(evidence.behind(SCORED, excused)),
        "leads whose newest version was not routed": len(evidence.behind(ROUTED, excused)),
        "hot leads not converted": len(unconverted),
        "dead letters missing": max(0, allowed.dead_letters - dead),
    }
    return [f"{n} {what}" for what, n in counts.items() if n]


def compare(evidence: Evidence, sent: Sent, allowed: Allowed, stored: Stored) -> list[str]:
    """What tables and ledger say against the topics, once nothing is on its way any more."""
    found = [f"ledger: {problem}" for problem in stored.ledger_problems]
    if stored.ledger_received != len(evidence.received):
        found.append(f"ledger: {stored.ledger_received} received of {len(evidence.received)}")
    if stored.conversions != evidence.converted.keys():
        found.append(
            f"{len(stored.conversions ^ evidence.converted.keys())} conversions differ between Postgres and Kafka"
        )
    if stored.opportunities != len(evidence.opportunities):
        found.append(f"{stored.opportunities} opportunities stored, {len(evidence.opportunities)} published")
    if not sent.open_fate and not allowed.excused:
        found += _parties(stored, sent)
    return found


def _parties(stored: Stored, sent: Sent) -> list[str]:
    counts = {"accounts": (stored.accounts, len(sent.companies)), "contacts": (stored.contacts, len(sent.hot))}
    return [f"{there} {what}, not {wanted}" for what, (there, wanted) in counts.items() if there != wanted]


@dataclass(frozen=True, slots=True)
class Level:
    """What a service holds: MiB, file descriptors, connections to Postgres."""

    memory_mib: float
    descriptors: int
    connections: int


MEMORY_GROWTH = 0.5
# Records of a megabyte, or full batches in every lane after an outage, leave allocator high-water marks of about this
# size over the level of a trickle (scoring's five lanes: 102 to 348 MiB). What grows on is for the soak to find.
MEMORY_SLACK_MIB = 256.0
DESCRIPTOR_SLACK = 24


def compare_levels(before: Mapping[str, Level], after: Mapping[str, Level], connections: int) -> list[str]:
    """Whether each service is back. `connections`: how many one may keep (its pool and its slot)."""
    found: list[str] = []
    for name, level in after.items():
        was = before.get(name)
        if was is None:
            continue
        if level.memory_mib > was.memory_mib * (1 + MEMORY_GROWTH) + MEMORY_SLACK_MIB:
            found.append(f"{name}: memory {was.memory_mib:.0f} -> {level.memory_mib:.0f} MiB")
        if level.descriptors > was.descriptors + DESCRIPTOR_SLACK:
            found.append(f"{name}: descriptors {was.descriptors} -> {level.descriptors}")
        if level.connections > connections:
            found.append(f"{name}: {level.connections} connections to Postgres, {connections} allowed")
    return found


def not_bitten(seen: Mapping[str, Any], must: Mapping[str, float]) -> list[str]:
    """What should have happened and did not: a fault that does not bite proves nothing."""
    return [
        f"{name} {seen.get(name, 0):g} of {wanted:g}" for name, wanted in must.items() if seen.get(name, 0) < wanted
    ]
