"""When a score turns by itself: the first second at which time alone gives it another grade, level or temperature.

What each rule gives for behaviour only ever shrinks towards 0, and limits and thresholds keep order. So between two instants
the score lies between what the larger and what the smaller amounts would give; where both are labelled alike, nothing turns
in between, and only intervals in which something may turn are halved.

Where rules give and take at once beside a threshold, such intervals may be very many. The search then ends early, and says
until when nothing turns: the score is looked at again then.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from services.scoring.domain.behaviour import DAY_MS, KEPT_DAYS
from services.scoring.domain.engagement import Tally

MOST_WORK: Final = 50_000
LEAST_LOOKS: Final = 60
"""A search weighs so many ages of events, some hundredths of a second; of very many events at least at so many instants."""
LEAST_STEP_S: Final = 3600
"""A search that ends early is not taken up again sooner than this; what turns before is told then."""

Labels = Callable[[Sequence[int]], tuple[Any, ...]]


def first_turn(tallies: Sequence[Tally], labels: Labels, now_ms: int) -> int | None:
    """The first whole second after `now_ms` at which the labels differ from those of now; None when they never do. An earlier
    one, at which they are the same, where the search became too long."""
    if not tallies:
        return None
    search = _Search(tallies, labels, now_ms)
    last_s = max(deed.at_ms for each in tallies for deed in each.deeds) // 1000 + KEPT_DAYS * DAY_MS // 1000 + 1
    first_s = now_ms // 1000 + 1
    if search.turned(first_s):
        return first_s * 1000
    found = search.first_within(first_s, max(first_s, last_s))
    return None if found is None else found * 1000


class _Search:
    def __init__(self, tallies: Sequence[Tally], labels: Labels, now_ms: int) -> None:
        self._tallies = tallies
        self._labels = labels
        self._now = labels([each.points_at(now_ms) for each in tallies])
        self._one_way = len({each.entry.points > 0 for each in tallies}) == 1
        self._points_met: dict[int, list[int]] = {}
        self._turned_met: dict[int, bool] = {}
        self._looks_left = max(LEAST_LOOKS, MOST_WORK // sum(1 + len(each.deeds) for each in tallies))

    def turned(self, second: int) -> bool:
        """Whether the labels of that second differ from those of now."""
        found = self._turned_met.get(second)
        if found is None:
            found = self._turned_met[second] = self._labels(self._points(second)) != self._now
        return found

    def first_within(self, after: int, until: int) -> int | None:
        """The first second in (after, until] that has turned; `after` has not. Of a search that becomes too long, the second
        that it came to."""
        waiting = [(after, until)]
        while waiting:
            low, high = waiting.pop()
            if self._looks_left < 0 and not self._one_way:
                return min(until, max(low, after + LEAST_STEP_S))
            if high - low <= 1:
                if low < high and self.turned(high):
                    return high
                continue
            if not self._is_calm(low, high):
                middle = (low + high) // 2
                waiting += [(middle, high), (low, middle)]
        return None

    def _is_calm(self, low: int, high: int) -> bool:
        """Whether nothing turns in between, for certain. Where all points are of one sign, the ends bound what lies between."""
        if self._one_way:
            return not self.turned(low) and not self.turned(high)
        pairs = list(zip(self._points(low), self._points(high), strict=True))
        return self._labels(list(map(max, pairs))) == self._now == self._labels(list(map(min, pairs)))

    def _points(self, second: int) -> list[int]:
        found = self._points_met.get(second)
        if found is None:
            self._looks_left -= 1
            found = self._points_met[second] = [each.points_at(second * 1000) for each in self._tallies]
        return found
