"""Targets are noted beside their leads' facts, so that those that do not respond are found in time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from services.capture.domain.lifecycle import TARGET, state_of
from services.capture.domain.people import People
from services.capture.ports import TargetBook
from shared.contracts import ids
from shared.contracts.commands.capture import ExpireTargets
from shared.handling.work import Work
from shared.persistence.timers import Timer, add_timers


class Seen(NamedTuple):
    """A lead that a submission was about: `listed` is the list that named it, None where it was no list."""

    lead_id: str
    listed: str | None


@dataclass(frozen=True, slots=True)
class NoteTargets:
    """Part of the use case of `lead.submitted`."""

    targets: TargetBook

    async def __call__(self, seen: Iterable[Seen], people: People, work: Work) -> None:
        """Note new targets, with a timer for each list that has none; forget those that have responded."""
        listed: dict[str, str] = {}
        responded: set[str] = set()
        for lead_id, list_name in seen:
            if list_name is None:
                responded.add(lead_id)
            elif state_of(people.leads[lead_id].facts) == TARGET:
                listed.setdefault(lead_id, list_name)
        if responded:
            await self.targets.remove(work, sorted(responded))
        if new := {lead_id: name for lead_id, name in listed.items() if lead_id not in responded}:
            await self.targets.add(work, new)
            await add_timers(work, await self._timers(sorted(set(new.values())), work))

    async def _timers(self, lists: Sequence[str], work: Work) -> list[Timer]:
        policies = await self.targets.policies(work, lists)
        return [timer_of(name, work.now + policies[name].ttl) for name in lists]


def timer_of(list_name: str, due_at: datetime) -> Timer:
    """The timer of a list: it is due when the earliest of its targets is."""
    return Timer(ExpireTargets.TYPE, list_id(list_name), due_at, {"list_name": list_name})


def list_id(list_name: str) -> str:
    """What a list's commands are keyed by."""
    return ids.derive(ids.TIMERS, "target list", list_name)
