"""The nightly look at leads: a run is begun by its timer or by somebody, and taken on page by page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from services.capture.domain.cleaning import clean, cleaned
from services.capture.domain.fact_shape import LeadFacts, Stamp
from services.capture.domain.freshness import Hygiene, next_check
from services.capture.domain.person import Person
from services.capture.domain.verifying import Finding
from services.capture.handlers.events import lead_changed
from services.capture.handlers.mark_leads import stamp_of_mark
from services.capture.hygiene_ports import CheckBook
from services.capture.ports import LeadBook
from shared.contracts import ids
from shared.contracts.commands.capture import CheckLeads, HygieneDue, LeadFinding, RunHygiene
from shared.contracts.ids import is_id
from shared.handling.outcomes import InHand, Outcome, OutEvent, Produced, Skipped
from shared.handling.work import Work
from shared.messaging.commands import Done, Refused
from shared.persistence.timers import Timer, set_timers

VERIFIED: Final = "verified"
HYGIENE_ID: Final = ids.derive(ids.TIMERS, "hygiene", "nightly")
"""What the commands of hygiene are keyed by: each run and each page comes after the one before."""
_AUTHOR: Final = "leadstream/capture/hygiene"
_TIMER: Final = "timer"
_NEXT_NIGHT: Final = timedelta(hours=20)


def nightly_timer(hygiene: Hygiene, now: datetime) -> Timer:
    """The timer of the next night."""
    return Timer(HygieneDue.TYPE, HYGIENE_ID, hygiene.next_night(now))


@dataclass(frozen=True, slots=True)
class HygieneIsDue:
    """The use case of `hygiene.due`: begins the night's run, and sets the next night's timer."""

    checks: CheckBook
    hygiene: Hygiene

    async def __call__(self, items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        """`started`, or skipped as `run_under_way`; nothing is published."""
        return [await self._start(item, work) for item in items]

    async def _start(self, item: InHand, work: Work) -> Outcome:
        if item.decision is not None:
            return Produced(item.decision.outcome)
        if not self.hygiene.enabled:
            return Skipped("switched_off")
        await set_timers(work, [nightly_timer(self.hygiene, work.now)])
        if not await self.checks.start(work, item.record.event_id, _TIMER):
            return Skipped("run_under_way")
        return Produced("started")


@dataclass(frozen=True, slots=True)
class RunHygieneObeyed:
    """Obeys `hygiene.run`. Refused: run_under_way."""

    checks: CheckBook

    async def __call__(self, item: InHand, work: Work) -> Done | Refused:
        """See shared.messaging.commands.Obey."""
        wanted: RunHygiene = item.event
        run_id = item.record.event_id
        if item.decision is None and not await self.checks.start(work, run_id, wanted.requested_by):
            return Refused("run_under_way", "a run is under way; see `leadstream hygiene runs`")
        return Done({"run_id": run_id})


@dataclass(frozen=True, slots=True)
class CheckLeadsFound:
    """The use case of `hygiene.check`: what was found out about a page of leads. `lead.changed` tells of those of which
    something is new; the others keep their version."""

    leads: LeadBook
    checks: CheckBook
    hygiene: Hygiene

    async def __call__(self, items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        """`checked`, or skipped as `page_not_next`; on a redelivery the same events once more."""
        return [await self._again(item, work) if item.decision else await self._check(item, work) for item in items]

    async def _check(self, item: InHand, work: Work) -> Outcome:
        page: CheckLeads = item.event
        if not is_id(page.run_id) or not await self.checks.goes_on_from(work, page.run_id, page.after):
            return Skipped("page_not_next")
        findings = {found.lead_id: finding_of(found) for found in page.findings if is_id(found.lead_id)}
        people = await self._standing(findings, work)
        changes = self._change(people, findings, stamp_of_mark(item.record), work)
        await self.leads.save_leads(work, [people[lead_id] for lead_id in changes])
        await self.checks.postpone(work, {lead_id: self._next(people[lead_id], page, work.now) for lead_id in people})
        await self.checks.advance(
            work, page.run_id, page.last, checked=len(people), changed=len(changes), ends=page.ends
        )
        events = _events(item, people, changes, page.run_id, work.instant)
        return Produced("checked", events, detail={"leads": changes})

    async def _standing(self, findings: Mapping[str, Finding], work: Work) -> dict[str, Person]:
        """The leads, locked; those that were merged into another since have no night of their own."""
        found = await self.leads.lock_leads(work, sorted(findings))
        return {lead_id: person for lead_id, person in sorted(found.items()) if person.lead_id == lead_id}

    def _change(
        self, people: Mapping[str, Person], findings: Mapping[str, Finding], stamp: Stamp, work: Work
    ) -> dict[str, Mapping[str, Any]]:
        """What was found of the leads that it changes; they are as they will be then."""
        changes: dict[str, Mapping[str, Any]] = {}
        for lead_id, person in people.items():
            change = clean(person.facts, findings[lead_id], self.hygiene, work.now, work.instant)
            if change is not None:
                person.become(partial(self._cleaned, finding=findings[lead_id], stamp=stamp, work=work))
                changes[lead_id] = change.found
        return changes

    def _cleaned(self, facts: LeadFacts, *, finding: Finding, stamp: Stamp, work: Work) -> LeadFacts:
        change = clean(facts, finding, self.hygiene, work.now, work.instant)
        return facts if change is None else cleaned(facts, stamp, change)

    def _next(self, person: Person, page: CheckLeads, now: datetime) -> datetime:
        return next_check(person.facts, self.hygiene, now) if page.complete else now + _NEXT_NIGHT

    async def _again(self, item: InHand, work: Work) -> Outcome:
        assert item.decision is not None
        changes = (item.decision.detail or {}).get("leads", {})
        people = await self.leads.load_leads(work, changes)
        events = _events(item, people, changes, item.event.run_id, item.decision.decided_at)
        return Produced("checked", events, detail={"leads": changes})


def finding_of(said: LeadFinding) -> Finding:
    """A finding as the command has it."""
    return Finding(
        said.lead_id,
        tuple(said.undeliverable),
        tuple(said.unreachable),
        tuple(sorted(set(said.risks))),
        tuple(said.confirmed),
        said.facts,
    )


def _events(
    item: InHand, people: Mapping[str, Person], changes: Mapping[str, Mapping[str, Any]], run_id: str, at: str
) -> tuple[OutEvent, ...]:
    return tuple(
        lead_changed(
            item.record, people[lead_id], VERIFIED, reason="hygiene", author=_AUTHOR,
            details={"run_id": run_id, **found}, at=at,
        )
        for lead_id, found in changes.items() if lead_id in people
    )  # fmt: skip
