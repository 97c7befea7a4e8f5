"""Capture's books in memory: what the adapters keep in Postgres, in dictionaries. The same suite runs both."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from services.capture.domain.blocking import MAX_BLOCK
from services.capture.domain.consent import Statement
from services.capture.domain.facts import state_to_json
from services.capture.domain.identity import IdentityKey, digest_of
from services.capture.domain.joining import Merge, Pair
from services.capture.domain.people import MAX_SHARED, NewLink, People, Submitted
from services.capture.domain.person import Person
from services.capture.ports import StoredMerge
from shared.handling.work import Work


class MemoryLeads:
    """`LeadBook`, and the tables behind it."""

    def __init__(self) -> None:
        self.leads: dict[str, tuple[int, int, str, str | None, str | None]] = {}
        self.links: dict[str, list[str]] = {}
        self.blocks: dict[int, list[str]] = {}
        self.pairs: dict[str, Pair] = {}

    async def load(self, work: Work, wanted: Sequence[NewLink]) -> People:
        found: dict[IdentityKey, list[str]] = {}
        claims: dict[IdentityKey, str] = {}
        for link in wanted:
            known = self.links.get(digest_of(link.key))
            if known is not None:
                found[link.key] = list(known)
            else:
                claims.setdefault(link.key, link.lead_id)
        people = People(links=found, claims=claims)
        shown = (ids for key, ids in found.items() if key.kind != "click_id" and len(ids) <= MAX_SHARED)
        people.leads = self._with_roots({lead_id for lead_ids in shown for lead_id in lead_ids})
        return people

    async def load_likes(self, work: Work, people: People, submissions: Sequence[Submitted]) -> None:
        wanted = people.blocks_wanted(submissions)
        people.joining.blocks = {
            block: list(self.blocks[block][: MAX_BLOCK + 1]) for block in wanted if block in self.blocks
        }
        mates = set(people.joining.block_mates(people.joining.blocks)) - people.leads.keys()
        people.leads.update(self._with_roots(mates))

    async def load_leads(self, work: Work, lead_ids: Iterable[str]) -> dict[str, Person]:
        return {lead_id: self._person(self.root_of(lead_id)) for lead_id in lead_ids if lead_id in self.leads}

    async def save(self, work: Work, people: People) -> None:
        for person in people.leads.values():
            if person.changed:
                facts = state_to_json(person.facts).decode()
                stored = (person.version, person.created_us, facts, person.stored_own(), person.parent_id)
                self.leads[person.lead_id] = stored
        for key, lead_ids in people.links.items():
            held = self.links.setdefault(digest_of(key), [])
            held += [lead_id for lead_id in lead_ids if lead_id not in held]
        for block, lead_id in people.joining.new_blocks:
            self.blocks.setdefault(block, []).append(lead_id)
        for pair_id, pair in people.joining.pairs.items():
            self.pairs.setdefault(pair_id, pair)

    def root_of(self, lead_id: str) -> str:
        """The surviving lead."""
        while (parent_id := self.leads[lead_id][4]) is not None:
            lead_id = parent_id
        return lead_id

    def _person(self, lead_id: str) -> Person:
        version, created_us, facts, own, parent_id = self.leads[lead_id]
        return Person(lead_id, version, created_us, facts, own=own, parent_id=parent_id)

    def _with_roots(self, lead_ids: Iterable[str]) -> dict[str, Person]:
        people = {lead_id: self._person(lead_id) for lead_id in lead_ids}
        for person in list(people.values()):
            if person.parent_id is not None:
                root_id = person.root_id = self.root_of(person.lead_id)
                people.setdefault(root_id, self._person(root_id))
        return people


class MemoryConsents:
    """`ConsentBook`, as far as submissions need it."""

    def __init__(self) -> None:
        self.statements: list[Statement] = []

    async def add(self, work: Work, statements: Sequence[Statement]) -> None:
        self.statements += statements


class MemoryMerges:
    """`MergeBook`, as far as submissions need it."""

    def __init__(self) -> None:
        self.merges: dict[str, Merge] = {}

    async def save(self, work: Work, merges: Sequence[Merge], people: Iterable[Person]) -> None:
        self.merges.update({merge.merge_id: merge for merge in merges})

    async def find(self, work: Work, merge_ids: Iterable[str]) -> Mapping[str, StoredMerge]:
        raise NotImplementedError("nothing is redelivered here")

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)
