"""What an erasure leaves of a lead, and what stays out after it."""

import hmac
from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple

from services.capture.domain.fact_shape import Layer, LeadFacts
from services.capture.domain.identity import IdentityKey, keys_of_facts
from services.capture.domain.thinning import touches_of

REASONS: Final = ("person_request", "consent_withdrawn", "source_deleted", "retention", "unlawful")
"""Why somebody is erased: registered words, because a text could name the very person."""
PURGES: Final = ("junk", "target")
"""What a retention policy purges by itself."""


class ErasedFamily(NamedTuple):
    """A lead with all that were merged into it, and the final version of them all."""

    lead_id: str
    lead_version: int
    aliases: tuple[str, ...] = ()


def blanked(facts: LeadFacts) -> LeadFacts:
    """How often and when somebody came, nothing of who."""
    touches = touches_of(facts.layers)
    ends = touches[:1] if len(touches) == 1 else (touches[0], touches[-1])
    counted = facts.counted + len(facts.silent) + len(touches) - len(ends)
    return LeadFacts(counted, tuple(Layer(layer.stamp, {}) for layer in ends))


def keys_to_keep_out(facts: Iterable[LeadFacts], shared: Collection[IdentityKey]) -> list[IdentityKey]:
    """The identifiers that speak for this person alone: not a click id, and no phone that other leads have too."""
    found = dict.fromkeys(key for state in facts for layer in state.layers for key in keys_of_facts(layer.facts))
    return [key for key in found if key.kind != "click_id" and not (key.kind == "phone" and key in shared)]


def keep_out_digest(key: IdentityKey, *, secret: bytes) -> str:
    """Half of an HMAC-SHA256 of a key (hex): it tells whether somebody is the one, and nobody can tell who from it."""
    return hmac.digest(secret, f"kept out\0{key.kind}\0{key.value}".encode(), "sha256").hex()[:32]


def are_several(named: Iterable[Collection[str]]) -> bool:
    """Whether submissions are of several people: two of them name identifiers of one person alone, and share none, not
    even through others. `named` holds those identifiers, submission by submission."""
    groups: list[set[str]] = []
    for each in filter(None, named):
        apart = [group for group in groups if group.isdisjoint(each)]
        joined = set(each).union(*(group for group in groups if not group.isdisjoint(each)))
        groups = [*apart, joined]
    return len(groups) > 1


def stays_out(
    keys: Iterable[IdentityKey], erased_us: Mapping[IdentityKey, int], *, sent_us: int, is_listed: bool
) -> bool:
    """Whether a submission would bring back somebody who was erased: it is older than the erasure, or a row of a list,
    whenever it comes. What a person sends anew is welcome. Times are microseconds since 1970."""
    times = [erased_us[key] for key in keys if key in erased_us]
    return bool(times) and (is_listed or sent_us < max(times))
