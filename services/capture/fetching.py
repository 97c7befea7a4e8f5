"""Fetches the leads that providers have announced, beside the lanes: no batch waits for the network.

A lead that is given becomes an inbound record under the provider's id; one that is not is tried again, ever later, and
after a week, or when it is gone, its notification becomes a record that is rejected as `not_fetched`.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

import structlog

from services.capture.adapters.postgres.announced import PostgresAnnouncedBook
from services.capture.adapters.sources_file import SourcesFile
from services.capture.api.intake import Intake
from services.capture.domain.payload import JSON_TYPE
from services.capture.ports import Announced, Fetched, LeadProvider, NotEver, NotNow
from services.capture.sources.configured import ConfiguredSource
from services.capture.sources.protocol import Element
from services.capture.sources.register import NOT_FETCHED
from shared.contracts.commands.capture import DAMAGE_HEADER
from shared.observability.metrics import LEADS_FETCHED
from shared.persistence.database import is_transient
from shared.runtime.background import beside
from shared.runtime.problems import Problem
from shared.runtime.service import Service

log = structlog.get_logger(__name__)

_LOOK_S: Final = 1.0
_AT_ONCE: Final = 8
_LEASED: Final = 32
_LEASE: Final = timedelta(seconds=90)
_GIVE_UP: Final = timedelta(days=7)
_FIRST_WAIT_S: Final = 2.0
_LONGEST_WAIT_S: Final = 3600.0


class Fetching:
    """The background of a service. Several processes share the work: each leases what it fetches."""

    def __init__(
        self,
        service: Service,
        intake: Intake,
        file: SourcesFile,
        book: PostgresAnnouncedBook,
        providers: Mapping[str, LeadProvider],
    ) -> None:
        self._service = service
        self._intake = intake
        self._file = file
        self._book = book
        self._providers = providers
        self._at_once = asyncio.Semaphore(_AT_ONCE)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keeps fetching."""
        try:
            async with beside(fetching=self._run()):
                yield
        finally:
            for provider in self._providers.values():
                await provider.close()

    async def _run(self) -> None:
        said: str | None = None
        while True:
            found = 0
            try:
                found = await self.fetch_due()
                said = None
            except Exception as error:
                if not is_transient(error) and not isinstance(error, Problem):
                    log.exception("fetching_failed")
                elif (name := type(error).__name__) != said:
                    log.warning("fetching_waits", error=name)
                    said = name
            if not found:
                await asyncio.sleep(_LOOK_S)

    async def fetch_due(self) -> int:
        """Fetch what is due, some at a time; how many that were."""
        async with self._service.database.transaction(self._service.clock()) as work:
            leased = await self._book.lease(work, until=work.now + _LEASE, most=_LEASED)
        await asyncio.gather(*(self._one(announced) for announced in leased))
        return len(leased)

    async def _one(self, announced: Announced) -> None:
        async with self._at_once:
            source = self._file.current.by_name.get(announced.source)
            provider = self._providers.get(source.kind) if source is not None else None
            if source is None or provider is None:
                await self._again(announced, NotNow("unknown_source"))
                return
            given = await provider.fetch(source, announced.provider_id)
        LEADS_FETCHED.labels(kind=source.kind, outcome=type(given).__name__).inc()
        if isinstance(given, NotNow) and not self._is_old(announced):
            await self._again(announced, given)
            return
        if isinstance(given, Fetched):
            await self._store(source, given, announced)
        else:
            await self._give_up(source, given, announced)

    def _is_old(self, announced: Announced) -> bool:
        at = announced.announced_at
        return at is not None and self._service.clock() - at > _GIVE_UP

    async def _store(self, source: ConfiguredSource, given: Fetched, announced: Announced) -> None:
        """The lead in Kafka first, then the row: what fails in between is fetched again, and known by its id."""
        when = given.occurred_at or announced.occurred_at
        element = Element(given.raw, announced.provider_id, is_test=given.is_test, occurred_at=when)
        await self._intake.store([self._intake.prepare_element(element, JSON_TYPE, source)])
        await self._settle(announced, "done", None)

    async def _give_up(self, source: ConfiguredSource, why: NotNow | NotEver, announced: Announced) -> None:
        """Its own id stays free: a backfill may find the lead yet."""
        element = Element(announced.notification.encode(), f"{announced.provider_id}/{NOT_FETCHED}")
        damage = [(DAMAGE_HEADER, NOT_FETCHED.encode())]
        await self._intake.store([self._intake.prepare_element(element, JSON_TYPE, source, more=damage)])
        await self._settle(announced, "failed", why.reason)
        log.warning("lead_not_fetched", source=source.name, reason=why.reason, attempts=announced.attempts + 1)

    async def _settle(self, announced: Announced, state: str, reason: str | None) -> None:
        async with self._service.database.transaction(self._service.clock()) as work:
            await self._book.settle(work, announced, state, reason)

    async def _again(self, announced: Announced, why: NotNow) -> None:
        wait_s = min(_FIRST_WAIT_S * 2 ** min(announced.attempts, 20), _LONGEST_WAIT_S)
        async with self._service.database.transaction(self._service.clock()) as work:
            due_at = work.now + timedelta(seconds=max(wait_s, why.after_s or 0.0))
            await self._book.postpone(work, announced, due_at, why.reason)
            await self._book.purge(work)
