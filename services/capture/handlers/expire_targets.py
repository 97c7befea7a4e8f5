"""Targets that did not respond in time: expired, handed to the campaign that follows, or erased; a list at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, cast

import orjson

from services.capture.domain.expiring import ACTIONS, LONGEST_DAYS, Action, ListPolicy
from services.capture.domain.lifecycle import EXPIRED, STATE, TARGET, marked, state_of
from services.capture.domain.person import Person
from services.capture.handlers.events import STAGE, lead_changed
from services.capture.handlers.mark_leads import stamp_of_mark
from services.capture.handlers.note_targets import timer_of
from services.capture.ports import LeadBook, TargetBook
from shared.contracts.commands.capture import EraseLead, ExpireTargets, SetTargetList
from shared.contracts.topics import CAPTURE_COMMANDS
from shared.handling.outcomes import InHand, Outcome, OutEvent, Produced
from shared.handling.work import Work
from shared.messaging.commands import Done, Refused, is_readable
from shared.persistence.timers import set_timers

AT_ONCE: Final = 500
_AUTHOR: Final = "leadstream/capture/targets"
_LONGEST_NAME: Final = 256
_PURGE: Final = "purge"


@dataclass(frozen=True, slots=True)
class ExpireTargetsDue:
    """The use case of `targets.expire`, which a list's timer sends: a bounded number at a time, then the next timer."""

    leads: LeadBook
    targets: TargetBook

    async def __call__(self, items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        """`expired` with the leads that are; on a redelivery the same events once more."""
        return [await self._again(item, work) if item.decision else await self._expire(item, work) for item in items]

    async def _expire(self, item: InHand, work: Work) -> Outcome:
        wanted: ExpireTargets = item.event
        policy = (await self.targets.policies(work, [wanted.list_name]))[wanted.list_name]
        due = await self.targets.due(work, wanted.list_name, policy.listed_before(work.now), AT_ONCE)
        found = await self.leads.lock_leads(work, sorted(due))
        people = {person.lead_id: person for person in found.values() if state_of(person.facts) == TARGET}
        stamp = stamp_of_mark(item.record)
        for person in people.values():
            person.become(partial(marked, stamp=stamp, units={STATE: EXPIRED}))
        await self.leads.save_leads(work, people.values())
        await self.targets.remove(work, due)
        await self._set_next(wanted.list_name, policy, work)
        detail = {"leads": sorted(people), "list": wanted.list_name, **_told(policy)}
        return Produced("expired", _events(item, people, detail, work.instant), detail=detail)

    async def _set_next(self, list_name: str, policy: ListPolicy, work: Work) -> None:
        oldest = await self.targets.oldest(work, [list_name])
        await set_timers(work, [timer_of(list_name, listed_at + policy.ttl) for listed_at in oldest.values()])

    async def _again(self, item: InHand, work: Work) -> Outcome:
        assert item.decision is not None
        detail = item.decision.detail or {}
        found = await self.leads.load_leads(work, detail.get("leads", ()))
        return Produced("expired", _events(item, found, detail, item.decision.decided_at), detail=detail)


@dataclass(frozen=True, slots=True)
class SetTargetLists:
    """Obeys `target_list.set`: from now on, for the targets that are there too. Refused: invalid_list, invalid_ttl,
    invalid_action, invalid_campaign."""

    targets: TargetBook

    async def __call__(self, item: InHand, work: Work) -> Done | Refused:
        """See shared.messaging.commands.Obey."""
        wanted: SetTargetList = item.event
        refusal = _fault(wanted)
        if refusal is not None:
            return refusal
        policy = ListPolicy(wanted.ttl_days, cast(Action, wanted.then), wanted.campaign)
        if item.decision is None:
            await self.targets.set_policy(work, wanted.list_name, policy, wanted.requested_by)
            await self._move_timers(wanted.list_name, work)
        return Done({"list": wanted.list_name, "ttl_days": wanted.ttl_days, **_told(policy)})

    async def _move_timers(self, list_name: str, work: Work) -> None:
        """What was set for all lists without a setting of their own moves the timers of all."""
        oldest = await self.targets.oldest(work, [list_name] if list_name else None)
        policies = await self.targets.policies(work, sorted(oldest))
        await set_timers(work, [timer_of(name, at + policies[name].ttl) for name, at in oldest.items()])


def _fault(wanted: SetTargetList) -> Refused | None:
    if len(wanted.list_name) > _LONGEST_NAME or not (wanted.list_name == "" or is_readable(wanted.list_name)):
        return Refused("invalid_list", f"a list's name has at most {_LONGEST_NAME} printable characters")
    if not 0 <= wanted.ttl_days <= LONGEST_DAYS:
        return Refused("invalid_ttl", f"targets stay between 0 and {LONGEST_DAYS} days")
    if wanted.then not in ACTIONS:
        return Refused("invalid_action", f"what follows is one of {', '.join(ACTIONS)}")
    if wanted.then == "follow_up" and not is_readable(wanted.campaign or ""):
        return Refused("invalid_campaign", "follow_up needs the campaign that follows")
    return None


def _told(policy: ListPolicy) -> dict[str, Any]:
    return {"then": policy.action, "campaign": policy.campaign}


def _events(item: InHand, people: Mapping[str, Person], detail: dict[str, Any], at: str) -> tuple[OutEvent, ...]:
    told = {name: detail.get(name) for name in ("list", "then", "campaign")}
    events: list[OutEvent] = []
    for person in people.values():
        events.append(
            lead_changed(item.record, person, EXPIRED, reason="no_response", author=_AUTHOR, details=told, at=at)
        )
        if detail.get("then") == _PURGE:
            events.append(_erasure(item, person, at))
    return tuple(events)


def _erasure(item: InHand, person: Person, at: str) -> OutEvent:
    """The command that erases a target: the way on which every person is erased."""
    command_id = STAGE.event_id(item.record, EraseLead.TYPE, person.lead_id)
    data = {"lead_id": person.lead_id, "reason": "retention", "requested_by": _AUTHOR, "purged": TARGET}
    return STAGE.event(
        item.record, EraseLead.TYPE, topic=CAPTURE_COMMANDS, key=person.lead_id, data=orjson.dumps(data), time=at,
        subject=command_id, event_id=command_id,
    )  # fmt: skip
