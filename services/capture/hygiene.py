"""Takes the nightly look at leads on, page by page, beside the lanes: no batch waits for a verifier.

A run is a row. Whoever leases it reads the next leads that are due, asks the verifiers, and sends what they found as a
command; the handler moves the run on. A page is sent again when its lease runs out, under the same id; one that was
taken already is passed over.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

import structlog

from services.capture.adapters.postgres.checks import PostgresCheckBook
from services.capture.domain.freshness import Hygiene
from services.capture.domain.verifying import Contact, Finding, contact_of, together, verify_offline
from services.capture.handlers.check_leads import HYGIENE_ID, nightly_timer
from services.capture.hygiene_ports import CheckRun, DuePage, Verifier, VerifierUnavailable
from services.capture.ports import LeadBook
from shared.contracts import ids
from shared.contracts.commands.capture import CheckLeads, HygieneDue, LeadFinding
from shared.contracts.envelope import Envelope, rfc3339
from shared.contracts.topics import CAPTURE_COMMANDS
from shared.messaging.raw_producer import RawRecord
from shared.persistence.timers import add_timers, cancel_timers, timer_id
from shared.runtime.background import beside, is_outage
from shared.runtime.service import Service

log = structlog.get_logger(__name__)

AT_ONCE: Final = 250
_LOOK_S: Final = 2.0
_BUSY_S: Final = 0.2
# Longer than verifiers and the lane take; after it the page is sent again.
_LEASE: Final = timedelta(seconds=60)


class OfflineVerifier:
    """See hygiene_ports.Verifier: what can be told without asking anybody."""

    async def verify(self, contacts: Sequence[Contact]) -> Sequence[Finding]:
        """See hygiene_ports.Verifier."""
        return [verify_offline(contact) for contact in contacts]

    async def close(self) -> None:
        """See hygiene_ports.Verifier."""


class NightlyHygiene:
    """The background of a service. Several processes share the work: one at a time leases a page."""

    def __init__(self, service: Service, leads: LeadBook, hygiene: Hygiene, verifiers: Sequence[Verifier]) -> None:
        self._service = service
        self._leads = leads
        self._hygiene = hygiene
        self._verifiers = verifiers
        self._checks = PostgresCheckBook()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keeps looking for a run, once the timer of the next night is set."""
        try:
            async with beside(hygiene=self._run()):
                yield
        finally:
            for verifier in self._verifiers:
                await verifier.close()

    async def _run(self) -> None:
        is_scheduled = False
        while True:
            is_busy = False
            try:
                if not is_scheduled:
                    await self.schedule()
                    is_scheduled = True
                is_busy = await self.take_page()
            except Exception as error:
                if is_outage(error):
                    log.info("hygiene_waits", error=type(error).__name__)
                else:
                    log.exception("hygiene_failed")
            await asyncio.sleep(_BUSY_S if is_busy else _LOOK_S)

    async def schedule(self) -> None:
        """Set the timer of the next night, unless it is set; take it away where hygiene is switched off."""
        async with self._service.database.transaction(self._service.clock()) as work:
            if self._hygiene.enabled:
                await add_timers(work, [nightly_timer(self._hygiene, work.now)])
            else:
                await cancel_timers(work, [timer_id(HygieneDue.TYPE, HYGIENE_ID)])

    async def take_page(self) -> bool:
        """Send the next page of the run that is under way; whether there is one."""
        async with self._service.database.transaction(self._service.clock()) as work:
            run = await self._checks.lease(work, work.now + _LEASE)
            if run is None:
                return False
            page = await self._checks.due(work, run.after, AT_ONCE)
            people = await self._leads.load_leads(work, page.lead_ids)
        contacts = [contact_of(lead_id, person.facts) for lead_id, person in sorted(people.items())]
        found, is_complete = await self._ask(contacts)
        await self._send(run, page, [found.get(one.lead_id, Finding(one.lead_id)) for one in contacts], is_complete)
        return True

    async def _ask(self, contacts: Sequence[Contact]) -> tuple[dict[str, Finding], bool]:
        """What all verifiers found, and whether all of them answered."""
        findings: list[Finding] = []
        is_complete = True
        for verifier in self._verifiers if contacts else ():
            try:
                findings += await verifier.verify(contacts)
            except VerifierUnavailable as error:
                is_complete = False
                log.warning("verifier_unavailable", verifier=type(verifier).__name__, error=str(error))
        return together(findings), is_complete

    async def _send(self, run: CheckRun, page: DuePage, findings: Sequence[Finding], is_complete: bool) -> None:
        assert self._service.raw is not None
        command = CheckLeads(
            run_id=run.run_id,
            after=run.after,
            last=page.last or run.after,
            ends=page.is_last,
            complete=is_complete,
            findings=[said_of(finding) for finding in findings],
        )
        event_id = ids.derive(ids.COMMANDS, CheckLeads.TYPE, run.run_id, run.after or "")
        at = rfc3339(self._service.clock())
        envelope = Envelope(event_id, CheckLeads.TYPE, "leadstream/capture/hygiene", event_id, at)
        record = RawRecord(HYGIENE_ID.encode(), command.model_dump_json().encode(), envelope.headers())
        await self._service.raw.send(CAPTURE_COMMANDS, [record])


def said_of(finding: Finding) -> LeadFinding:
    """A finding as the command has it."""
    return LeadFinding(
        lead_id=finding.lead_id,
        undeliverable=list(finding.undeliverable),
        unreachable=list(finding.unreachable),
        risks=list(finding.risks),
        confirmed=list(finding.confirmed),
        facts=dict(finding.facts),
    )
