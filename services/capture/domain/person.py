"""A lead as it stands while a batch is worked through, and what it is made of where leads were merged into it."""

from collections.abc import Callable, Sequence

from services.capture.domain.blocking import blocks_of
from services.capture.domain.fact_shape import LeadFacts
from services.capture.domain.facts import merge_facts, state_from_json, state_to_json
from services.capture.domain.identifiers import is_role_address
from services.capture.domain.identity import LinkedLead, tagged_addresses
from services.capture.domain.lifecycle import joined_junk
from services.capture.domain.likeness import Profile, profile_of
from services.capture.domain.survivorship import DEFAULT, Survivorship


class Person:
    """A lead: stored, or as it will be. Most are never looked into: their facts stay in the stored form.

    `facts` is what is published. A lead that others were merged into keeps apart what came to itself (`own`), and those
    others keep what comes to them by their own identifiers; so a merge is taken back by drawing the line again.
    """

    __slots__ = (
        "_blocks", "_facts", "_linked", "_own", "_profile", "_stored", "_stored_own", "changed", "created_us", "lead_id",
        "parent_id", "reshaped", "root_id", "survivorship", "version",
    )  # fmt: skip

    def __init__(
        self,
        lead_id: str,
        version: int,
        created_us: int,
        stored: bytes | str,
        *,
        own: str | None = None,
        parent_id: str | None = None,
        changed: bool = False,
        survivorship: Survivorship = DEFAULT,
    ) -> None:
        self.lead_id = lead_id
        self.version = version
        self.created_us = created_us
        self.changed = changed
        self.survivorship = survivorship
        self.parent_id = parent_id
        self.root_id: str | None = parent_id
        self.reshaped = False
        self._stored: bytes | str | None = stored
        self._facts: LeadFacts | None = None
        self._stored_own = own
        self._own: LeadFacts | None = None
        self._blocks: set[int] | None = None
        self._forget()

    def _forget(self) -> None:
        """Drop what was worked out of the facts: they are others now."""
        self._linked: LinkedLead | None = None
        self._profile: Profile | None = None

    @property
    def facts(self) -> LeadFacts:
        """What is known of the lead, with all that were merged into it."""
        if self._facts is None:
            assert self._stored is not None
            self._facts = state_from_json(self._stored, self.survivorship)
        return self._facts

    @property
    def own(self) -> LeadFacts:
        """What came to this lead itself."""
        if self._own is None and self._stored_own is not None:
            self._own = state_from_json(self._stored_own, self.survivorship)
        return self.facts if self._own is None else self._own

    @property
    def has_members(self) -> bool:
        """Whether others were merged into it."""
        return self._own is not None or self._stored_own is not None

    def stored(self) -> str:
        """The facts as they are stored."""
        if self._stored is None:
            self._stored = state_to_json(self.facts)
        return self._stored if isinstance(self._stored, str) else self._stored.decode()

    def stored_own(self) -> str | None:
        """What came to the lead itself, as it is stored; None where that is everything."""
        if self._stored_own is None and self._own is not None:
            self._stored_own = state_to_json(self._own).decode()
        return self._stored_own

    def add(self, facts: LeadFacts, version: int) -> None:
        """Add facts; the lead has this version then."""
        self._facts = merge_facts(self.facts, facts)
        self._stored = None
        self._forget()
        self.version = version
        self.changed = True

    def become(self, change: Callable[[LeadFacts], LeadFacts]) -> None:
        """Change the facts other than by a submission; that is a version of its own."""
        own = change(self.own) if self.has_members else None
        self.stand(change(self.facts), own, self.parent_id, self.version + 1)
        self.reshaped = own is not None

    def attribute(self, facts: LeadFacts) -> None:
        """Note that facts which are added came to this lead itself, where that must be told apart."""
        if self.has_members:
            self._own = merge_facts(self.own, facts)
            self._stored_own = None
            self._forget()
            self.reshaped = True

    def stand(self, facts: LeadFacts, own: LeadFacts | None, parent_id: str | None, version: int) -> None:
        """Take a shape: with these facts, those of its own (None: the same), below that lead (None: by itself)."""
        self._facts, self._stored = facts, None
        self._own, self._stored_own = own, None
        self._forget()
        self.parent_id = self.root_id = parent_id
        self.version = version
        self.changed = self.reshaped = True

    def names(self) -> tuple[str | None, str | None]:
        """First and last name of the lead itself, the newest of each."""
        first = last = None
        for layer in self.own.layers:
            given = layer.facts.get("f")
            if given:
                first, last = given.get("first_name", first), given.get("last_name", last)
        return first, last

    def has_tagged(self, address: str) -> bool:
        """Whether it is known by this address with a tag only."""
        known = [entry[0] for layer in self.own.layers for entry in layer.facts.get("e", ()) if entry[0]]
        return address not in known and address in tagged_addresses(known)

    def linked(self) -> LinkedLead:
        """What choosing between leads needs to know of it; made once, until facts are added."""
        if self._linked is None:
            layers = self.own.layers
            emails = [entry[0] for layer in layers for entry in layer.facts.get("e", ()) if entry[0]]
            proven = any("i" in layer.facts for layer in layers) or not all(map(is_role_address, emails))
            self._linked = LinkedLead(self.lead_id, *self.names(), self.created_us, proven, tagged_addresses(emails))
        return self._linked

    @property
    def profile(self) -> Profile:
        """What the lead itself is compared by."""
        if self._profile is None:
            self._profile = profile_of(self.own)
        return self._profile

    def enter(self, blocks: Sequence[int]) -> list[int]:
        """The blocks among these where it is not found by its likes yet; from now on it is."""
        if self._blocks is None:
            self._blocks = set(blocks_of(self.profile))
        entered = [block for block in blocks if block not in self._blocks]
        self._blocks.update(entered)
        return entered


def join(winner: Person, loser: Person) -> None:
    """Merge a lead into another; both stand by themselves. Both get the version max(both) + 1; nothing of either is
    lost, and each remains what it was, should the merge be taken back."""
    version = max(winner.version, loser.version) + 1
    winner.stand(merge_facts(*joined_junk(winner.facts, loser.facts)), winner.own, None, version)
    loser.stand(loser.own, None, winner.lead_id, version)


def united(people: list[Person]) -> LeadFacts:
    """What some leads know together, each of its own."""
    state = people[0].own
    for person in people[1:]:
        state = merge_facts(*joined_junk(state, person.own))
    return state
