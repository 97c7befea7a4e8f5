"""Two leads that no identifier joined, compared field by field: one person, perhaps one, or two.

The rules are a table, after the match equation of Salesforce's standard rules, but stricter: joining by itself wants
names and one more thing that hardly anybody else has. What falls short of that is for a person to decide.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

from rapidfuzz.distance import OSA

from services.capture.domain.fact_shape import LeadFacts
from services.capture.domain.identifiers import is_role_address, untagged
from services.capture.domain.names import Name, compare_names
from services.capture.domain.normalise.text import fold

Likely: TypeAlias = Literal["same", "review", "new"]

_DROPPED: Final = str.maketrans("", "", "._-")
_SHORTEST_TYPO: Final = 6

# What each field may say for the rule to hold; all of a rule's fields must. `any` of the last entry is one of several.
_FULL: Final = frozenset({"same"})
_SHORT: Final = frozenset({"same", "initial"})
_CLOSE: Final = frozenset({"same", "initial", "similar"})
_MAILBOX: Final = frozenset({"same", "tagged"})
_Rule: TypeAlias = Mapping[str, frozenset[str]]
_SAME: Final[Sequence[_Rule]] = (
    {"first_name": _FULL, "last_name": _SHORT, "email": _MAILBOX},
    {"first_name": _SHORT, "last_name": _FULL, "email": _MAILBOX},
    {"first_name": _FULL, "last_name": _SHORT, "phone": _FULL, "company": _FULL},
    {"first_name": _SHORT, "last_name": _FULL, "phone": _FULL, "company": _FULL},
    {"first_name": _FULL, "last_name": _FULL, "phone": _FULL, "address": _FULL},
)
_REVIEW: Final[Sequence[_Rule]] = (
    {"first_name": _CLOSE, "last_name": _CLOSE, "phone": _FULL},
    {"first_name": _CLOSE, "last_name": _CLOSE, "company": _FULL},
    {"first_name": _CLOSE, "last_name": _CLOSE, "email": frozenset({"same", "tagged", "similar", "domain"})},
    {"first_name": _CLOSE, "last_name": _CLOSE, "address": _FULL},
    {"first_name": frozenset({"blank"}), "email": frozenset({"tagged"})},
    {"last_name": frozenset({"blank"}), "email": frozenset({"tagged"})},
)
_POINTS: Final[Mapping[str, Mapping[str, int]]] = {
    "first_name": {"same": 20, "initial": 10, "similar": 12},
    "last_name": {"same": 25, "initial": 8, "similar": 15},
    "email": {"same": 35, "tagged": 30, "similar": 20, "domain": 8},
    "phone": {"same": 20},
    "company": {"same": 10},
    "address": {"same": 15},
    "external_id": {"differs": -25},
}


class Profile(NamedTuple):
    """What leads are compared by. Blank texts are None."""

    name: Name
    emails: tuple[str, ...]
    phones: tuple[str, ...]
    companies: frozenset[str]
    domains: frozenset[str]
    address: tuple[str, str] | None
    external_ids: frozenset[tuple[str, str]]


class Likeness(NamedTuple):
    """The verdict, points out of 100 by which candidates are ordered, and what each field says, never its values."""

    verdict: Likely
    points: int
    evidence: Mapping[str, str]


def profile_of(state: LeadFacts) -> Profile:
    """The profile of a lead's facts: the newest names and address, every mailbox, number and company."""
    first = last = None
    address: tuple[str, str] | None = None
    emails: list[str] = []
    phones: list[str] = []
    companies: set[str] = set()
    domains: set[str] = set()
    external_ids: set[tuple[str, str]] = set()
    for _, facts in state.layers:
        if given := facts.get("f"):
            first, last = given.get("first_name", first), given.get("last_name", last)
            address = _street_of(given.get("address")) or address
            companies.update(key for key in given.get("company.name", (None, None))[1:] if key)
            domains.update(domain for domain in given.get("company.website", (None, None))[1:] if domain)
        for entry in facts.get("e", ()):
            if entry[0]:
                emails.append(entry[0])
            if entry[4]:
                domains.add(entry[4])
        phones.extend(entry[0] for entry in facts.get("p", ()) if entry[0])
        external_ids.update((source, external_id) for source, external_id in facts.get("i", ()))
    return Profile(
        (first, last), tuple(emails), tuple(phones), frozenset(companies), frozenset(domains), address,
        frozenset(external_ids),
    )  # fmt: skip


def _street_of(address: Mapping[str, str] | None) -> tuple[str, str] | None:
    if not address or not address.get("street"):
        return None
    place = address.get("postal_code") or address.get("city")
    return (fold(address["street"]), fold(place)) if place else None


def compare(one: Profile, other: Profile) -> Likeness:
    """How alike two leads are. Ids that one source gave to two people are never the same without somebody's word."""
    first, last = compare_names(one.name, other.name)
    evidence = {
        "first_name": first,
        "last_name": last,
        "email": _compare_emails(one, other),
        "phone": _overlap(one.phones, other.phones),
        "company": _company(one, other),
        "address": _overlap(filter(None, (one.address,)), filter(None, (other.address,))),
        "external_id": _compare_ids(one, other),
    }
    points = sum(_POINTS[field].get(said, 0) for field, said in evidence.items())
    known = {field: said for field, said in evidence.items() if said != "blank"}
    return Likeness(_judge(evidence), max(0, min(100, points)), known)


def _judge(evidence: Mapping[str, str]) -> Likely:
    if _holds(_SAME, evidence) and evidence["external_id"] != "differs":
        return "same"
    two_initials = evidence["first_name"] != "same" and evidence["last_name"] == "initial"
    return "review" if _holds(_REVIEW, evidence) and not two_initials else "new"


def _holds(rules: Sequence[_Rule], evidence: Mapping[str, str]) -> bool:
    return any(all(evidence[field] in wanted for field, wanted in rule.items()) for rule in rules)


def _overlap(one: object, other: object) -> str:
    ours, theirs = set(one), set(other)  # type: ignore[call-overload]
    if not ours or not theirs:
        return "blank"
    return "differs" if ours.isdisjoint(theirs) else "same"


def _company(one: Profile, other: Profile) -> str:
    named = _overlap(one.companies, other.companies)
    return "same" if not one.domains.isdisjoint(other.domains) else named


def _compare_emails(one: Profile, other: Profile) -> str:
    """The closest pair of mailboxes; an office's mailbox says no more than its domain."""
    ours = [address for address in one.emails if not is_role_address(address)]
    theirs = [address for address in other.emails if not is_role_address(address)]
    if not ours or not theirs:
        return "blank"
    if not set(ours).isdisjoint(theirs):
        return "same"
    if not {untagged(address) for address in ours}.isdisjoint(map(untagged, theirs)):
        return "tagged"
    if any(_is_slip(a, b) for a in ours for b in theirs):
        return "similar"
    return "domain" if not one.domains.isdisjoint(other.domains) else "differs"


def _is_slip(one: str, other: str) -> bool:
    """One letter of a mailbox's name wrong, or full stops and the like left out; another digit is another mailbox."""
    (a, _, here), (b, _, there) = untagged(one).rpartition("@"), untagged(other).rpartition("@")
    if here != there:
        return False
    a, b = a.translate(_DROPPED), b.translate(_DROPPED)
    if a == b:
        return True
    digits = [c for c in a if c.isdigit()], [c for c in b if c.isdigit()]
    return digits[0] == digits[1] and min(len(a), len(b)) >= _SHORTEST_TYPO and OSA.distance(a, b, score_cutoff=1) <= 1


def _compare_ids(one: Profile, other: Profile) -> str:
    if not one.external_ids or not other.external_ids:
        return "blank"
    if not one.external_ids.isdisjoint(other.external_ids):
        return "same"
    shared = {source for source, _ in one.external_ids} & {source for source, _ in other.external_ids}
    return "differs" if shared else "blank"
