"""Where to look for a lead's likes: a few digests of a name's sound beside the company, so that nobody is compared to
everybody."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final
from zlib import crc32

import jellyfish

from services.capture.domain.fact_shape import Facts
from services.capture.domain.likeness import Profile
from services.capture.domain.normalise.text import fold

# Leads that are compared to one that comes in; a block that holds more tells nothing and is left aside.
MAX_BLOCK: Final = 20
_SHORTEST: Final = 2


def block_keys(facts: Facts) -> tuple[int, ...]:
    """The blocks of what one submission says: initial, sound of the last name, and the company's domain or name."""
    given = facts.get("f")
    if given is None or "last_name" not in given or "first_name" not in given:
        return ()
    places = [entry[4] for entry in facts["e"] if entry[4]] if "e" in facts else []
    if "company.website" in given and given["company.website"][1]:
        places.append(given["company.website"][1])
    if "company.name" in given and given["company.name"][1]:
        places.append(given["company.name"][1])
    return _keys(given["first_name"], given["last_name"], places) if places else ()


def blocks_of(profile: Profile) -> tuple[int, ...]:
    """The blocks of a lead with all that is known of it."""
    first, last = profile.name
    places = sorted(profile.domains | profile.companies)
    return _keys(first, last, places) if first and last and places else ()


def _keys(first: str, last: str, places: Iterable[str]) -> tuple[int, ...]:
    person = _sound(first, last)
    if person is None:
        return ()
    return tuple({person + crc32(place.encode()): None for place in places})


@lru_cache(maxsize=16384)
def _sound(first: str, last: str) -> int | None:
    """The upper half of a block: of the initial and the last name as it sounds; None for a name that is an initial itself.
    Two that meet by chance only cost a comparison."""
    first, last = fold(first), fold(last).replace(".", "")
    if not first or len(last) < _SHORTEST:
        return None
    return (crc32(f"{first[0]}\0{jellyfish.metaphone(last) or last}".encode()) - 2**31) << 32
