"""Whether the leads of now score as those did that a learned model was learned from."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from services.scoring.domain.learning.figures import stability_of
from services.scoring.domain.learning.reporting import MOVED

BANDS: Final = 10
_WIDTH: Final = 10
LEAST_LEADS: Final = 200
"""Below so many live leads nothing is concluded: chance alone would move the index."""

Says: TypeAlias = Literal["steady", "moved", "not enough data"]


class Drift(NamedTuple):
    """Scores in bands of ten points, from 0 to 9 up to 90 and more: of the leads that were learned from, and of those that came
    lately. `stability` is the population stability index between the two; None where too few came."""

    version: int
    trained: Sequence[int]
    live: Sequence[int]
    stability: float | None

    @property
    def says(self) -> Says:
        """In words. Moved: above 0.2."""
        if self.stability is None:
            return "not enough data"
        return "moved" if self.stability > MOVED else "steady"

    def as_dict(self) -> dict[str, Any]:
        """As it is told."""
        index = None if self.stability is None else round(self.stability, 4)
        told = {"version": self.version, "stability": index, "threshold": MOVED, "says": self.says}
        return {**told, "leads": sum(self.live), "trained": list(self.trained), "live": list(self.live)}


def bands_of(scores: Iterable[int]) -> list[int]:
    """How many scores are in each band."""
    found = [0] * BANDS
    for score in scores:
        found[_band(score)] += 1
    return found


def drift_of(version: int, trained: Sequence[int], points: Mapping[int, int]) -> Drift:
    """The drift of a version. `points` counts the leads that came lately by their score."""
    live = [0] * BANDS
    for score, count in points.items():
        live[_band(score)] += count
    if sum(live) < LEAST_LEADS:
        return Drift(version, trained, live, None)
    return Drift(version, trained, live, stability_of(_named(trained), _named(live)))


def _band(score: int) -> int:
    return max(0, min(BANDS - 1, score // _WIDTH))


def _named(counts: Sequence[int]) -> Mapping[str, int]:
    return {str(band): count for band, count in enumerate(counts)}
