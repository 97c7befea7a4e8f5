"""Whether a batch may hold events that were decided before: asking Postgres costs more than storing the decisions."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Final, NamedTuple

from shared.handling.records import Record
from shared.persistence.marks import Place

# A stream in which events come twice is asked about for so many batches after the last one.
_WARY_FOR: Final = 50

_place_of = itemgetter(Record._fields.index("topic_id"), Record._fields.index("partition"), 0)


class Span(NamedTuple):
    """What a batch has of a partition: from its first offset to behind its last one."""

    first: int
    end: int


def spans_of(records: Sequence[Record]) -> dict[Place, Span]:
    """The spans of a batch, by partition."""
    spans: dict[Place, Span] = {}
    for (topic_id, partition, topic), run in groupby(records, _place_of):
        offsets = [record.offset for record in run]
        place = Place(topic_id, partition, topic)
        known = spans.get(place, Span(offsets[0], 0))
        spans[place] = Span(min(known.first, *offsets), max(known.end, max(offsets) + 1))
    return spans


class Novelty:
    """What one lane has stored itself since its partitions were assigned.

    A guess that saves a query, never a promise: an event that is taken for new and is not makes the storing of its
    decision fail, all is rolled back, and the batch is settled again with the stored decisions in hand.
    """

    def __init__(self) -> None:
        self._stored_to: dict[Place, int] = {}
        self._wary = 0

    def expects(self, spans: Mapping[Place, Span]) -> bool:
        """Whether all of these should be new: behind what was stored, in a stream without repetitions."""
        return self._wary == 0 and all(
            place in self._stored_to and span.first >= self._stored_to[place] for place, span in spans.items()
        )

    def stored(self, spans: Mapping[Place, Span]) -> None:
        """These are in the state now."""
        for place, span in spans.items():
            self._stored_to[place] = max(span.end, self._stored_to.get(place, 0))

    def asked(self, *, found: bool) -> None:
        """Postgres was asked, and had some of them, or none."""
        self._wary = _WARY_FOR if found else max(0, self._wary - 1)

    def disappointed(self) -> None:
        """Something went wrong with a batch that was taken for new."""
        self._wary = _WARY_FOR

    def forget(self) -> None:
        """The partitions were another member's meanwhile."""
        self._stored_to.clear()


def come_twice(records: Iterable[Record]) -> bool:
    """Whether an event is in this batch more than once."""
    event_ids = [record.event_id for record in records]
    return len(set(event_ids)) != len(event_ids)
