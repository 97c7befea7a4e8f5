"""Commands about behaviour: let go what waited, take back what was somebody else's, judge again who did it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from services.capture.behaviour_ports import BehaviourBook, Kept, Settlement
from services.capture.domain.behaviour.humanity import Judgement, Signs, judge, signs_with
from services.capture.domain.behaviour.reading import instant_us
from services.capture.domain.behaviour.stitching import Link, Party
from services.capture.handlers.behaviour_context import read_context
from services.capture.handlers.behaviour_events import behaviour_corrected, lead_behaved
from services.capture.handlers.behaviour_telling import commands_told
from services.capture.handlers.stitch_behaviour import RELEASED_AT_ONCE, STITCHED
from shared.contracts.commands.behaviour import ReclassifyBehaviour, StitchBehaviour, UnlinkVisitor
from shared.contracts.ids import is_id
from shared.contracts.topics import CAPTURE_COMMANDS
from shared.handling.outcomes import InHand, Outcome, Produced, Rejected
from shared.handling.work import Work
from shared.messaging.commands import LONGEST_TEXT, Done, Refused, command_id_of, is_readable
from shared.persistence.commands import read_completed

MOST_PARTIES: Final = 100
STEP: Final = 500
_NO_ID: Final = "00000000-0000-0000-0000-000000000000"
_LONGEST_LIST: Final = 1000


@dataclass(frozen=True, slots=True)
class LetGo:
    """What waited for strangers becomes their leads', as far as they are known now; again, it changes nothing.

    Capture gives the command to itself and nobody waits for its answer: the decision is its record.
    """

    behaviours: BehaviourBook

    async def __call__(self, items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        """See shared.messaging.subscription.UseCase."""
        return [await self._obey(item, work) for item in items]

    async def _obey(self, item: InHand, work: Work) -> Outcome:
        if item.record.topic != CAPTURE_COMMANDS:  # a source cannot give commands
            return Rejected("unknown_type")
        command_id = item.record.event_id
        wanted: StitchBehaviour = item.event
        if item.decision is None:
            parties = sorted(set(wanted.parties))[:MOST_PARTIES]
            if not all(len(each) == 32 and each.isalnum() for each in parties):
                return Rejected("invalid_contract", place="parties")
            await self._let_go(command_id, parties, work)
        kept = await self.behaviours.settled_by(work, [command_id])
        told = (await commands_told(self.behaviours, kept, work)).get(command_id, ())
        return Produced(STITCHED, (*map(lead_behaved, kept), *told))

    async def _let_go(self, command_id: str, asked: Sequence[str], work: Work) -> None:
        leads = await self.behaviours.leads_awaited(work, asked)
        visitors = await self.behaviours.visitors_among(work, list(leads)) if leads else []
        parties = await self.behaviours.lock(
            work, {**dict.fromkeys((*visitors, *asked), False), **dict.fromkeys(leads, True)}
        )
        settled = []
        for kept in await self.behaviours.waiting(work, asked, RELEASED_AT_ONCE):
            party = parties[kept.waits_for or ""]
            settlement = _of_person(kept, leads, parties, command_id) or _of_visitor(kept, party, command_id)
            if settlement is not None:
                party.waiting -= 1
                party.changed = True
                settled.append(settlement)
        await self.behaviours.save(work, [], settled, parties.values())


def _of_person(kept: Kept, leads: Mapping[str, str], parties: dict[str, Party], command_id: str) -> Settlement | None:
    """An event that named a person who is a lead now. It says who its visitor is too, as it would have at once."""
    lead_id = leads.get(kept.waits_for or "")
    if lead_id is None:
        return None
    matched_by = kept.matched_by or "email"
    if kept.visitor is not None:
        evidence = orjson.dumps({"matched_by": matched_by, "let_go_by": command_id}).decode()
        parties[kept.visitor].identify(Link(kept.occurred_us, lead_id, kept.event_id, matched_by, evidence))
    return Settlement(kept.event_id, lead_id, command_id, None, matched_by)


def _of_visitor(kept: Kept, party: Party, command_id: str) -> Settlement | None:
    link = party.link_at(kept.occurred_us)
    return None if link is None else Settlement(kept.event_id, link.lead_id, command_id, link.event_id, "visitor")


@dataclass(frozen=True, slots=True)
class UnlinkVisitors:
    """Takes back what came to a lead by a browser alone: it waits again, for whoever the visitor turns out to be."""

    behaviours: BehaviourBook

    async def __call__(self, item: InHand, work: Work) -> Done | Refused:
        """See shared.messaging.commands.Obey."""
        wanted: UnlinkVisitor = item.event
        if not is_readable(wanted.reason):
            return Refused("invalid_reason", f"a reason has 1 to {LONGEST_TEXT} printable characters")
        if not (is_id(wanted.lead_id) and len(wanted.visitor) == 32 and wanted.visitor.isalnum()):
            return Refused("unknown_visitor", "a visitor is the digest that the events of its lead name")
        command_id = item.record.event_id
        if item.decision is None:
            party = (await self.behaviours.lock(work, {wanted.visitor: False}))[wanted.visitor]
            links = await self.behaviours.unlink(work, wanted.visitor, wanted.lead_id, command_id)
            if not links:
                return Refused("unknown_visitor", "this visitor is not linked to this lead")
            taken = await self.behaviours.came_by(work, links, wanted.lead_id, STEP)
            changed = [kept._replace(lead_id=None, waits_for=wanted.visitor) for kept in taken]
            await self.behaviours.correct(work, changed, command_id)
            party.links = [link for link in party.links if link.event_id not in links]
            party.waiting += len(changed)
            party.changed = True
            await self.behaviours.save(work, [], [], [party])
        kept = await self.behaviours.corrected_by(work, command_id)
        at = item.decision.decided_at if item.decision else work.instant
        events = tuple(
            behaviour_corrected(item.record, each, wanted.lead_id, "retracted", wanted.reason, at) for each in kept
        )
        result = await _said_first(item, work) or {"taken_back": len(events), "more": len(events) == STEP}
        return Done(result, events, subject=wanted.lead_id)


@dataclass(frozen=True, slots=True)
class ReclassifyStored:
    """Judges stored events again, a step at a time; those whose verdict differs are corrected by an event each."""

    behaviours: BehaviourBook
    signs: Signs

    async def __call__(self, item: InHand, work: Work) -> Done | Refused:
        """See shared.messaging.commands.Obey."""
        wanted: ReclassifyBehaviour = item.event
        if not is_readable(wanted.reason):
            return Refused("invalid_reason", f"a reason has 1 to {LONGEST_TEXT} printable characters")
        since, until = instant_us(wanted.since), instant_us(wanted.until)
        if since is None or until is None or since >= until:
            return Refused("invalid_time", "`since` and `until` are RFC 3339 instants, the earlier one first")
        try:
            signs = self._signs(wanted)
        except ValueError:
            return Refused("invalid_network", "a network is written like 192.0.2.0/24; at most 1000 of each list")
        command_id, following = item.record.event_id, None
        if item.decision is None:
            since_ms, after = _cursor(wanted.after) or (since // 1000, _NO_ID)
            stored = await self.behaviours.judged(work, since_ms, -(-until // 1000), after, STEP)
            await self.behaviours.correct(work, await self._differing(stored, signs, work), command_id)
            following = f"{stored[-1].received_ms}:{stored[-1].event_id}" if len(stored) == STEP else None
        kept = await self.behaviours.corrected_by(work, command_id)
        at = item.decision.decided_at if item.decision else work.instant
        events = tuple(
            behaviour_corrected(item.record, each, each.lead_id, "reclassified", wanted.reason, at)
            for each in kept
            if each.lead_id is not None
        )
        return Done(await _said_first(item, work) or {"corrected": len(kept), "next": following}, events)

    def _signs(self, wanted: ReclassifyBehaviour) -> Signs:
        if len(wanted.user_agents) > _LONGEST_LIST or len(wanted.networks) > _LONGEST_LIST:
            raise ValueError
        more = signs_with(wanted.user_agents, wanted.networks)
        return Signs(tuple(dict.fromkeys((*self.signs.agents, *more.agents))), (*self.signs.networks, *more.networks))

    async def _differing(self, stored: Sequence[Kept], signs: Signs, work: Work) -> list[Kept]:
        """Those that a machine did after all, or did not, with what is said of them now."""
        messages = sorted({kept.message for kept in stored if kept.message is not None})
        clicks: dict[str, list[int]] = {}
        for message, occurred_us in await self.behaviours.clicks(work, messages) if messages else ():
            clicks.setdefault(message, []).append(occurred_us)
        changed = []
        for kept in stored:
            body = orjson.loads(kept.body)
            context = read_context(kept.context or "[null,null]")
            found = judge(
                body["kind"], kept.occurred_us, body["properties"], context, signs, clicks.get(kept.message or "", ())
            )
            if found is not None and _differs(body, found):
                changed.append(kept._replace(body=_with(body, found)))
        return changed


async def _said_first(item: InHand, work: Work) -> dict[str, Any] | None:
    """What a redelivered command was answered first: what it did is not told from what was done since."""
    if item.decision is None:
        return None
    stored = await read_completed(work, command_id_of(item.record))
    return None if stored is None else dict(stored["result"])


def _differs(body: dict[str, Any], found: Judgement) -> bool:
    return body.get("human", True) != found.human or sorted(body.get("bot_reasons", ())) != sorted(found.reasons)


def _with(body: dict[str, Any], found: Judgement) -> str:
    return orjson.dumps({**body, **found.fields()}).decode()


def _cursor(text: str | None) -> tuple[int, str] | None:
    """Where the step before ended; anything else is the beginning."""
    first, _, event_id = (text or "").partition(":")
    return (
        (int(first), event_id) if first.isascii() and first.isdigit() and len(first) < 16 and is_id(event_id) else None
    )
