"""What a submission shows of other leads: one person, joined at once and with a note that undoes it, or a question."""

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from services.capture.domain.blocking import MAX_BLOCK
from services.capture.domain.identifiers import is_role_address
from services.capture.domain.identity import IdentityKey, Verdict
from services.capture.domain.likeness import Likely, Likeness, compare
from services.capture.domain.names import relate_names
from services.capture.domain.person import Person, join
from shared.contracts import ids

SAME_IDENTIFIERS: Final = "same_identifiers"
SAME_PROFILE: Final = "same_profile"
MAX_COMPARED: Final = 20
MAX_QUESTIONS: Final = 5
_SETTLED_BY_IDS: Final = 100


class Finding(NamedTuple):
    """What was found out about another lead: `merge_id` where it was joined, `pair_id` where a person is asked."""

    lead_id: str
    verdict: Likely
    points: int
    evidence: Mapping[str, str]
    pair_id: str | None = None
    merge_id: str | None = None


class Merge(NamedTuple):
    """A merge that was made by itself. Its id is that of the event that tells of it."""

    merge_id: str
    winner_id: str
    loser_id: str
    version: int
    reason: str
    evidence: Mapping[str, str]


class Pair(NamedTuple):
    """Two leads that may be one person, for somebody to decide; asked once, whatever the answer."""

    pair_id: str
    lead_id: str
    other_id: str
    points: int
    evidence: Mapping[str, str]
    event_id: str


def pair_id_of(lead_id: str, other_id: str) -> str:
    """The id of the question about two leads, in either order."""
    return ids.derive(ids.PAIRS, *sorted((lead_id, other_id)))


def is_strong(key: IdentityKey) -> bool:
    """Whether an identifier that joined is one person's."""
    return key.kind == "external_id" or (key.kind == "email" and not is_role_address(key.value))


@dataclass
class Joining:
    """The likes of a batch's leads. `blocks` holds the leads of each block, `kept` the pairs that somebody has decided to
    be two people, `customers` those that became opportunities, as far as that is known."""

    blocks: dict[int, list[str]] = field(default_factory=dict)
    kept: set[frozenset[str]] = field(default_factory=set)
    customers: frozenset[str] = frozenset()
    new_blocks: list[tuple[int, str]] = field(default_factory=list)
    merges: list[Merge] = field(default_factory=list)
    pairs: dict[str, Pair] = field(default_factory=dict)

    def enter_new(self, lead_id: str, blocks: Sequence[int]) -> list[str]:
        """Put a new lead where its likes are looked for, and give those that are there already."""
        mates: list[str] = []
        for block in blocks:
            held = self.blocks.get(block)
            if held is None:
                self.blocks[block] = [lead_id]
            elif len(held) > MAX_BLOCK:
                continue
            else:
                mates += held
                held.append(lead_id)
            self.new_blocks.append((block, lead_id))
        return mates

    def enter(self, member: Person, blocks: Sequence[int]) -> None:
        """Put a known lead where it was not found yet; before what a submission says is added to it."""
        for block in member.enter(blocks):
            held = self.blocks.setdefault(block, [])
            if len(held) <= MAX_BLOCK:
                held.append(member.lead_id)
                self.new_blocks.append((block, member.lead_id))

    def judge(
        self,
        leads: MutableMapping[str, Person],
        event_id: str,
        member: Person,
        verdict: Verdict,
        mates: Sequence[str],
    ) -> tuple[Finding, ...]:
        """Compare the lead that a submission went to with those that it points to, and join or ask."""
        candidates = [*(match.lead_id for match in verdict.also_matches), *mates]
        if not candidates:
            return ()
        strong = _joined_strongly(verdict)
        ours = self.root_of(leads, member)
        others = [leads[lead_id] for lead_id in dict.fromkeys(candidates) if lead_id in leads]
        others = [other for other in others if self.root_of(leads, other) is not ours][:MAX_COMPARED]
        likes = [(other, _likeness(member, other, by_ids=other.lead_id in strong)) for other in others]
        likes = [(other, like) for other, like in likes if like.verdict != "new"]
        likes.sort(key=lambda found: (-found[1].points, found[0].created_us, found[0].lead_id))
        return self._settle(leads, event_id, member, likes, strong, is_new=verdict.lead_id is None)

    def _settle(
        self,
        leads: MutableMapping[str, Person],
        event_id: str,
        member: Person,
        likes: Sequence[tuple[Person, Likeness]],
        strong: frozenset[str],
        *,
        is_new: bool,
    ) -> tuple[Finding, ...]:
        findings: list[Finding] = []
        same = {self.root_of(leads, other).lead_id for other, like in likes if like.verdict == "same"}
        for other, like in likes:
            theirs, ours = self.root_of(leads, other), self.root_of(leads, member)
            if theirs is ours or self._is_kept((member, ours), (other, theirs)):
                continue
            # Two leads that are both the same as a third, by their looks alone, are somebody's to look at.
            by_ids = other.lead_id in strong
            bought = self._bought(other, theirs), self._bought(member, ours)
            if like.verdict == "same" and (by_ids or len(same) == 1) and not all(bought):
                winner, loser = _by_age(theirs, ours, keep_first=is_new)
                if any(bought):
                    winner, loser = (theirs, ours) if bought[0] else (ours, theirs)
                merge = self._join(leads, event_id, winner, loser, SAME_IDENTIFIERS if by_ids else SAME_PROFILE, like)
                findings.append(Finding(theirs.lead_id, *like, merge_id=merge.merge_id))
            elif len(findings) < MAX_QUESTIONS:
                pair_id = self._ask(member, other, like, event_id)
                findings.append(Finding(theirs.lead_id, "review", like.points, like.evidence, pair_id=pair_id))
        return tuple(findings)

    def root_of(self, leads: Mapping[str, Person], person: Person) -> Person:
        """The lead that this one was merged into; itself where it stands by itself."""
        while person.root_id is not None:
            person = leads[person.root_id]
        return person

    def block_mates(self, blocks: Iterable[int]) -> list[str]:
        """The leads of the same blocks; a block that is too full tells nothing."""
        found = (self.blocks.get(block, ()) for block in blocks)
        return [lead_id for lead_ids in found if len(lead_ids) <= MAX_BLOCK for lead_id in lead_ids]

    def _bought(self, *people: Person) -> bool:
        """Whether any of these became an opportunity. Two that did are never joined by themselves: each has its own."""
        return bool(self.customers) and any(person.lead_id in self.customers for person in people)

    def _is_kept(self, ours: Sequence[Person], theirs: Sequence[Person]) -> bool:
        return bool(self.kept) and any(frozenset((a.lead_id, b.lead_id)) in self.kept for a in ours for b in theirs)

    def _join(
        self,
        leads: MutableMapping[str, Person],
        event_id: str,
        winner: Person,
        loser: Person,
        reason: str,
        like: Likeness,
    ) -> Merge:
        join(winner, loser)
        merge_id = ids.derived_event_id("capture", event_id, "lead.merged", winner.lead_id, loser.lead_id)
        merge = Merge(merge_id, winner.lead_id, loser.lead_id, winner.version, reason, like.evidence)
        self.merges.append(merge)
        return merge

    def _ask(self, member: Person, other: Person, like: Likeness, event_id: str) -> str:
        pair_id = pair_id_of(member.lead_id, other.lead_id)
        self.pairs[pair_id] = Pair(pair_id, member.lead_id, other.lead_id, like.points, like.evidence, event_id)
        return pair_id


def _joined_strongly(verdict: Verdict) -> frozenset[str]:
    """The other leads that the submission names as surely as the one that it went to."""
    if verdict.matched_by is None or not is_strong(verdict.matched_by):
        return frozenset()
    return frozenset(match.lead_id for match in verdict.also_matches if match.strong)


def _likeness(member: Person, other: Person, *, by_ids: bool) -> Likeness:
    """How alike; where one submission has named both by identifiers of one person each, names that agree settle it."""
    like = compare(member.profile, other.profile)
    if not by_ids:
        return like
    agree = relate_names(member.profile.name, other.profile.name) == "agree"
    agree = agree and like.evidence.get("external_id") != "differs"
    evidence = {**like.evidence, "identifiers": "same"}
    return Likeness("same" if agree else "review", max(like.points, _SETTLED_BY_IDS if agree else 50), evidence)


def _by_age(theirs: Person, ours: Person, *, keep_first: bool) -> tuple[Person, Person]:
    """Winner and loser: the older lead wins, and always one that is known before a new one."""
    if keep_first or (theirs.created_us, theirs.lead_id) <= (ours.created_us, ours.lead_id):
        return theirs, ours
    return ours, theirs
