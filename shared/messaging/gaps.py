"""Positions that a log has no more: aiokafka goes on at the earliest record, and says nothing of what was between."""

from collections.abc import Callable
from typing import Any, TypeAlias

from aiokafka import TopicPartition

OnGap: TypeAlias = Callable[[TopicPartition, int, int], None]
"""Called with the partition, the position that was lost, and the one at which reading goes on."""


class Positions:
    """Watches where a consumer's fetcher stands, and tells of every reset that the broker forced."""

    def __init__(self) -> None:
        self.on_gap: OnGap | None = None
        self._reached: dict[TopicPartition, int] = {}

    def watch(self, fetcher: Any) -> None:
        """Put ourselves around the one place in which a fetcher finds its positions."""
        find = fetcher._update_fetch_positions

        async def update(assignment: Any, node_id: Any, tps: Any) -> Any:
            # A partition that is new here awaits its committed offset, not a reset.
            lost = [tp for tp in tps if assignment.state_value(tp).awaiting_reset]
            found = await find(assignment, node_id, tps)
            self.note(assignment, tps, lost)
            return found

        fetcher._update_fetch_positions = update

    def note(self, assignment: Any, tps: Any, lost: Any = ()) -> None:
        """These partitions stand where they stand now; of those that were `lost`, tell."""
        for tp in tps:
            state = assignment.state_value(tp)
            if state is None or not state.has_valid_position:
                continue
            reached = self._reached.get(tp)
            self._reached[tp] = state.position
            if tp in lost and reached is not None and reached != state.position and self.on_gap is not None:
                self.on_gap(tp, reached, state.position)
