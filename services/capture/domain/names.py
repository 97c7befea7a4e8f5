"""Names of people, compared: what two spellings say about being one person."""

from typing import Final, Literal, TypeAlias

import jellyfish
from rapidfuzz.distance import OSA, JaroWinkler

from services.capture.domain.normalise.text import fold

Name: TypeAlias = tuple[str | None, str | None]
Part: TypeAlias = Literal["same", "initial", "similar", "differs", "blank"]
Relation: TypeAlias = Literal["agree", "open", "differ"]

_SIMILAR: Final = 0.92
_SHORTEST_SIMILAR: Final = 4


def names_agree(one: Name, other: Name) -> bool:
    """Nothing speaks against one person: a blank part agrees with every other, an initial with its name."""
    return relate_names(one, other) != "differ"


def relate_names(one: Name, other: Name) -> Relation:
    """`agree` where both parts are known and fit, one of them in full; `differ` where a part is another; else `open`.
    First and last name may have been filled in the wrong way round."""
    first, last = compare_names(one, other)
    if "differs" in (first, last) or "similar" in (first, last):
        return "differ"
    full = first == "same" or last == "same"
    return "agree" if full and "blank" not in (first, last) else "open"


def compare_names(one: Name, other: Name) -> tuple[Part, Part]:
    """What the first and what the last names say; swapped, where only that fits."""
    straight = compare_part(one[0], other[0]), compare_part(one[1], other[1])
    if "differs" in straight and "blank" not in straight:
        swapped = compare_part(one[0], other[1]), compare_part(one[1], other[0])
        if swapped == ("same", "same"):
            return swapped
    return straight


def compare_part(one: str | None, other: str | None) -> Part:
    """`Ann Marie` is the same as `Ann`, `M.` an initial of `Marquez`; `similar` is a slip of the pen or of the ear."""
    a, b = _letters(one), _letters(other)
    if not a or not b:
        return "blank"
    if a == b:
        return "same"
    (head_a, _, more_a), (head_b, _, more_b) = a.partition(" "), b.partition(" ")
    if len(a) == 1 or len(b) == 1:
        return "initial" if a[0] == b[0] else "differs"
    if head_a == head_b and not (more_a and more_b) and len(head_a) > 1:
        return "same"
    return "similar" if _is_similar(a, b) else "differs"


def _letters(name: str | None) -> str:
    """A name without case, accents, full stops and hyphens."""
    return " ".join(fold(name).replace(".", " ").replace("-", " ").split()) if name else ""


def _is_similar(a: str, b: str) -> bool:
    if min(len(a), len(b)) < _SHORTEST_SIMILAR:
        return False
    return OSA.distance(a, b, score_cutoff=1) <= 1 or (
        JaroWinkler.similarity(a, b) >= _SIMILAR and jellyfish.metaphone(a) == jellyfish.metaphone(b)
    )
