"""The nightly look at leads: its runs, what it would change, and beginning one at once."""

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse

from services.capture.adapters.postgres.checks import PostgresCheckBook, hygiene_runs
from services.capture.api.marking import Changer
from services.capture.domain.cleaning import Cleaned, clean
from services.capture.domain.freshness import Hygiene
from services.capture.domain.verifying import contact_of, verify_offline
from services.capture.handlers.check_leads import HYGIENE_ID
from services.capture.ports import LeadBook
from shared.contracts.commands.capture import RunHygiene
from shared.contracts.envelope import rfc3339
from shared.runtime.access import Requires
from shared.runtime.commands_api import answer, send_command
from shared.runtime.reading import known_id, reading
from shared.runtime.service import Service

_SAMPLE = 10
_Limit = Annotated[int, Query(ge=1, le=1000)]


def hygiene_router(service: Service, leads: LeadBook, hygiene: Hygiene) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["hygiene"])
    checks = PostgresCheckBook()

    @router.get("/v1/hygiene/runs", dependencies=[Depends(Requires("read"))])
    async def runs(limit: _Limit = 20) -> dict[str, Any]:
        """The newest runs."""
        async with reading(service) as work:
            found = await hygiene_runs(work, limit)
        return {"items": [_shown(run) for run in found]}

    @router.get("/v1/hygiene/preview", dependencies=[Depends(Requires("read"))])
    async def preview(after: str | None = None, limit: _Limit = 500) -> dict[str, Any]:
        """What a run would change of the next leads that are due, as far as that needs nobody to be asked. Nothing is
        changed; `next` goes on."""
        async with reading(service) as work:
            page = await checks.due(work, None if after is None else known_id(after, "lead"), limit)
            people = await leads.load_leads(work, page.lead_ids)
        found: dict[str, Cleaned] = {}
        for lead_id, person in sorted(people.items()):
            finding = verify_offline(contact_of(lead_id, person.facts))
            if (change := clean(person.facts, finding, hygiene, work.now, work.instant)) is not None:
                found[lead_id] = change
        return {
            "dry_run": True,
            "due": len(people),
            "would_change": len(found),
            **_counted(found.values()),
            "lead_ids": list(found)[:_SAMPLE],
            "next": None if page.is_last else page.last,
        }

    @router.post("/v1/hygiene/run")
    async def run(who: Changer, request: Request) -> JSONResponse:
        """Begin a run at once. One that is under way goes on."""
        wanted = RunHygiene(requested_by=who.key_id)
        return await answer(service, await send_command(service, RunHygiene.TYPE, HYGIENE_ID, wanted, request))

    return router


def _shown(run: dict[str, Any]) -> dict[str, Any]:
    ended_at = run["ended_at"]
    return {**run, "started_at": rfc3339(run["started_at"]), "ended_at": ended_at and rfc3339(ended_at)}


def _counted(changes: Iterable[Cleaned]) -> dict[str, dict[str, int]]:
    """How many leads have which field stale, and which doubts."""
    stale, risks = Counter[str](), Counter[str]()
    for change in changes:
        stale.update(change.found.get("stale", ()))
        risks.update(change.found.get("risks", ()))
    return {"stale": dict(sorted(stale.items())), "risks": dict(sorted(risks.items()))}
