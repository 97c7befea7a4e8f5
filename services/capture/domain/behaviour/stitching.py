"""Whose behaviour it is. A visitor's id is weak: it passes on what is known of its browser and never joins two people.

A visitor becomes known when an event names the visitor and a person. What it did before goes to the first person who
does so; each further one on the same browser gets only what follows. Everything goes by the time at which it happened,
so that neither the order of processing nor a repetition matters.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from services.capture.domain.behaviour.identifying import Named
from services.capture.domain.identity import IdentityKey, digest_of

# A browser that more people use is a shared one: it tells nothing of who sits before it.
MAX_PEOPLE: Final = 5
# Events of one stranger that wait to become somebody's.
MAX_WAITING: Final = 1000


class Link(NamedTuple):
    """At this time the visitor was this lead: the event that said so, and what of it matched, are the evidence."""

    since_us: int
    lead_id: str
    event_id: str
    matched_by: str
    evidence: str = ""


@dataclass(slots=True)
class Party:
    """A stranger as stored: a visitor, or a person whom no lead is known for. `waiting` counts events that wait."""

    digest: str
    waiting: int = 0
    links: list[Link] = field(default_factory=list)
    changed: bool = False
    new_links: list[Link] = field(default_factory=list)

    def link_at(self, occurred_us: int) -> Link | None:
        """Who the visitor was at a time: the last one who said so before it, else the first who did after it."""
        if not self.links or self.is_shared:
            return None
        before = [link for link in self.links if link.since_us <= occurred_us]
        return max(before) if before else min(self.links)

    @property
    def is_shared(self) -> bool:
        """Whether too many people use this browser."""
        return len({link.lead_id for link in self.links}) > MAX_PEOPLE

    def identify(self, link: Link) -> bool:
        """Note who the visitor is; False where that was known at this time."""
        known = self.link_at(link.since_us)
        if self.is_shared or (known is not None and known.lead_id == link.lead_id and known.since_us <= link.since_us):
            return False
        self.links.append(link)
        self.new_links.append(link)
        return True

    def takes_another(self) -> bool:
        """Count an event that waits; False where too many do."""
        if self.waiting >= MAX_WAITING:
            return False
        self.waiting += 1
        self.changed = True
        return True


class Found(NamedTuple):
    """A lead that an event belongs to, and by what. `link` is set where the visitor led to it."""

    lead_id: str
    matched_by: str
    link: Link | None = None


@dataclass(slots=True)
class Known:
    """What is known of those whom a batch names: leads of strong identities, ids of leads, strangers by digest."""

    people: Mapping[IdentityKey, str] = field(default_factory=dict)
    leads: Mapping[str, str] = field(default_factory=dict)
    parties: dict[str, Party] = field(default_factory=dict)

    def person(self, named: Named) -> Found | None:
        """The lead that the event names itself, strongest identity first."""
        if named.lead_id is not None and (lead_id := self.leads.get(named.lead_id)) is not None:
            return Found(lead_id, "lead_id")
        for key in named.keys:
            if (lead_id := self.people.get(key)) is not None:
                return Found(lead_id, key.kind)
        return None

    def visitor(self, named: Named, occurred_us: int) -> Found | None:
        """The lead that the visitor was then. An event that names somebody else itself is never the visitor's."""
        party = self.parties.get(named.visitor or "")
        if party is None or named.keys or named.lead_id is not None:
            return None
        link = party.link_at(occurred_us)
        return None if link is None else Found(self.leads.get(link.lead_id, link.lead_id), "visitor", link)


def awaited(named: Named) -> str | None:
    """Whom an event waits for: the person whom it names, else its visitor; nobody where it names nobody."""
    return digest_of(named.keys[0]) if named.keys else named.visitor
