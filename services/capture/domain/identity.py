"""Who a submission is about: identity keys, the key that keeps a person's records in order, the choice of the lead."""

import hmac
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Final, Literal, NamedTuple

from services.capture.domain.fact_shape import Facts
from services.capture.domain.hygiene import CleanSubmission
from services.capture.domain.identifiers import is_empty_address, is_empty_id, is_role_address, untagged
from services.capture.domain.names import Name, names_agree, relate_names
from services.capture.domain.submission import CLICK_IDS

IdentityKind = Literal["external_id", "email", "phone", "click_id"]

_new: Final = tuple.__new__  # for what is made for each record: a third of the time of a named tuple's own way
_NONE: Final[frozenset[str]] = frozenset()

# The order in which kinds are believed. A click id is kept as evidence and never joins by itself: links are passed on.
STRENGTH: Final[Mapping[IdentityKind, int]] = {"external_id": 0, "email": 1, "phone": 2, "click_id": 3}


class IdentityKey(NamedTuple):
    """A kind and a normalised value; equal keys are the same claim, whoever makes it."""

    kind: IdentityKind
    value: str


@dataclass(frozen=True, slots=True)
class LinkedLead:
    """A lead that an identity key is linked to. `created_us` (microseconds since 1970) decides between several. `proven`
    leads have an identifier of their own beside weak ones; `tagged` are their addresses without the tags they came with.
    """

    lead_id: str
    first_name: str | None
    last_name: str | None
    created_us: int = 0
    proven: bool = False
    tagged: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class AlsoMatch:
    """Another lead that was matched; `joins` says whether that match alone would have been enough to join it, `strong`
    whether whoever has that identifier is one person, whatever the names."""

    lead_id: str
    matched_by: IdentityKey
    joins: bool
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """`new`, or `merged` into `lead_id`, matched by that key; `also_matches` are left for later joining."""

    outcome: Literal["new", "merged"]
    lead_id: str | None
    matched_by: IdentityKey | None
    also_matches: tuple[AlsoMatch, ...]


def identity_keys(submission: CleanSubmission, *, source_name: str) -> tuple[IdentityKey, ...]:
    """All keys, strongest first. An external id counts within its source (`source:id`), a click id in its platform."""
    keys: list[IdentityKey] = []
    if submission.external_id is not None and not is_empty_id(submission.external_id):
        keys.append(external_key(source_name, submission.external_id))
    for address in submission.emails:
        if not is_empty_address(address):
            keys.append(_new(IdentityKey, ("email", address)))
    for number in submission.phones:
        keys.append(_new(IdentityKey, ("phone", number)))
    for platform, value in submission.click_ids:
        keys.append(IdentityKey("click_id", f"{platform}:{value}"))
    tagged = tagged_addresses(submission.emails)
    return (*keys, *(IdentityKey("email", address) for address in sorted(tagged))) if tagged else tuple(keys)


def tagged_addresses(addresses: Collection[str]) -> frozenset[str]:
    """The addresses without their tags (`ann@b.com` of `ann+fair@b.com`), unless they are among them anyway. They are
    looked up like others, and are a hint only."""
    for address in addresses:
        if "+" in address:
            break
    else:
        return _NONE
    return frozenset(base for address in addresses if (base := untagged(address)) not in addresses)


def keys_of_facts(facts: Facts) -> list[IdentityKey]:
    """The keys that the facts of a lead hold: of a click id only where its touch is one of those that are kept."""
    keys = [external_key(source, external_id) for source, external_id in facts.get("i", ())]
    addresses = [entry[0] for entry in facts.get("e", ()) if entry[0]]
    keys += [IdentityKey("email", address) for address in (*addresses, *sorted(tagged_addresses(addresses)))]
    keys += [IdentityKey("phone", entry[0]) for entry in facts.get("p", ()) if entry[0]]
    touch = facts.get("t", {})
    return keys + [
        IdentityKey("click_id", f"{platform}:{touch[platform]}") for platform in CLICK_IDS if platform in touch
    ]


def external_key(source_name: str, external_id: str) -> IdentityKey:
    """The key of a source's own id."""
    return IdentityKey("external_id", external_value(source_name, external_id))


def external_value(source_name: str, external_id: str) -> str:
    """`source:id`. The source's name is escaped, so that no two pairs share a value."""
    return f"{_escaped(source_name)}:{external_id}"


@lru_cache(maxsize=1024)
def _escaped(source_name: str) -> str:
    return source_name.replace("\\", "\\\\").replace(":", "\\:")


def digest_of(key: IdentityKey) -> str:
    """Half of the SHA-256 of a key, in hexadecimal: what it is stored under."""
    return sha256(f"{key.kind}\0{key.value}".encode()).hexdigest()[:32]


def partition_key(keys: Sequence[IdentityKey], *, secret: bytes) -> str | None:
    """The keyed hash of the strongest of external id, e-mail, phone; None when there is none of them."""
    return next((hashed_key(key, secret=secret) for key in keys if key.kind != "click_id"), None)


def hashed_key(key: IdentityKey, *, secret: bytes) -> str:
    """HMAC-SHA256 (hex): who has it can keep one person's records in order; nobody can read the person from it."""
    return keyed_hash(f"{key.kind}\0{key.value}", secret=secret)


def keyed_hash(text: str, *, secret: bytes) -> str:
    """HMAC-SHA256 (hex) of a text."""
    return hmac.digest(secret, text.encode(), "sha256").hex()


def choose_lead(
    keys: Sequence[IdentityKey],
    links: Mapping[IdentityKey, Sequence[LinkedLead]],
    *,
    first_name: str | None = None,
    last_name: str | None = None,
    tagged: frozenset[str] = _NONE,
) -> Verdict:
    """The lead that a submission belongs to: by the strongest kind that matches, then the oldest lead.

    A phone and an office's mailbox join only where names do not disagree, since they are many people's, and two who
    each have an identifier of their own only where names agree; a click id and a tagged address never join.
    """
    mine = LinkedLead("", first_name, last_name, proven=proves(keys, tagged), tagged=tagged)
    ranked = sorted(_matches(keys, links), key=lambda match: (_rank(match), match[1].created_us, match[1].lead_id))
    chosen: tuple[LinkedLead, IdentityKey] | None = None
    others: dict[str, AlsoMatch] = {}
    for key, lead in ranked:
        joins = _joins(key, mine, lead)
        if chosen is None and joins:
            chosen = (lead, key)
        elif lead.lead_id not in others or (joins and not others[lead.lead_id].joins):
            others[lead.lead_id] = AlsoMatch(lead.lead_id, key, joins, _is_strong(key, mine, lead))
    if chosen is None:
        return Verdict("new", None, None, tuple(others.values()))
    others.pop(chosen[0].lead_id, None)
    return Verdict("merged", chosen[0].lead_id, chosen[1], tuple(others.values()))


def proves(keys: Iterable[IdentityKey], tagged: frozenset[str] = _NONE) -> bool:
    """Whether somebody with these keys has an identifier that is one person's: a source's own id, a personal mailbox."""
    return any(
        key.kind == "external_id"
        or (key.kind == "email" and key.value not in tagged and not is_role_address(key.value))
        for key in keys
    )


def _matches(
    keys: Iterable[IdentityKey], links: Mapping[IdentityKey, Sequence[LinkedLead]]
) -> Iterable[tuple[IdentityKey, LinkedLead]]:
    return ((key, lead) for key in keys for lead in links.get(key, ()))


def _rank(match: tuple[IdentityKey, LinkedLead]) -> int:
    return STRENGTH[match[0].kind]


def _joins(key: IdentityKey, mine: LinkedLead, lead: LinkedLead) -> bool:
    if _is_strong(key, mine, lead):
        return True
    if key.kind == "click_id" or key.value in mine.tagged or key.value in lead.tagged:
        return False
    names: tuple[Name, Name] = (mine.first_name, mine.last_name), (lead.first_name, lead.last_name)
    if mine.proven and lead.proven:
        return relate_names(*names) == "agree"
    return names_agree(*names)


def _is_strong(key: IdentityKey, mine: LinkedLead, lead: LinkedLead) -> bool:
    if key.kind == "email":
        return not (is_role_address(key.value) or key.value in mine.tagged or key.value in lead.tagged)
    return key.kind == "external_id"
