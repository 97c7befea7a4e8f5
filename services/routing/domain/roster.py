"""Who can own leads, and whose turn it is."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

Standing = Literal["active", "inactive", "unknown"]

_SHOWN_SKIPS: Final = 20


@dataclass(frozen=True, slots=True)
class Member:
    """A person who can own leads and belongs to queues."""

    member_id: str
    active: bool
    queues: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Roster:
    """Every member, and the members of each queue in the fixed order of their ids."""

    active: Mapping[str, bool]
    queues: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, members: Sequence[Member]) -> "Roster":
        """A roster of members in any order."""
        queues: dict[str, list[str]] = {}
        ordered = sorted(members, key=lambda member: member.member_id)
        for member in ordered:
            for queue in dict.fromkeys(member.queues):
                queues.setdefault(queue, []).append(member.member_id)
        active = {member.member_id: member.active for member in ordered}
        return cls(active, {queue: tuple(ids) for queue, ids in queues.items()})

    def standing(self, member_id: str) -> Standing:
        """Whether a member may be given a lead, and if not, why."""
        active = self.active.get(member_id)
        if active is None:
            return "unknown"
        return "active" if active else "inactive"


def next_in_turn(order: Sequence[str], last: str | None, roster: Roster) -> tuple[str | None, list[str]]:
    """The next active member after the last assigned one, and who was passed over, each with the reason.

    The order is a circle: over any window with the same members, shares differ by one lead at most.
    """
    start = _place_after(order, last)
    skipped: list[str] = []
    for step in range(len(order)):
        member_id = order[(start + step) % len(order)]
        standing = roster.standing(member_id)
        if standing == "active":
            return member_id, _shortened(skipped)
        skipped.append(f"{member_id}: {standing}")
    return None, _shortened(skipped)


def _place_after(order: Sequence[str], last: str | None) -> int:
    """Where to go on; a last member who has left keeps the place that the order of ids gives."""
    if last is None:
        return 0
    if last in order:
        return order.index(last) + 1
    return bisect_right(order, last)


def _shortened(skipped: list[str]) -> list[str]:
    more = len(skipped) - _SHOWN_SKIPS
    return [*skipped[:_SHOWN_SKIPS], f"and {more} more"] if more > 0 else skipped
