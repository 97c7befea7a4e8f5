"""Leads: pages of the newest, one of them, and what happened to it."""

from typing import Any

from fastapi import APIRouter

from services.reporting.adapters.postgres.leads import events_of_leads, page_of_leads, surviving
from services.reporting.api.reading import Reader, sees_personal
from services.reporting.domain.behaviour import interests, seen
from services.reporting.domain.leads import StoredEvent, detail, newest, summary, timeline
from shared.runtime.paging import DEFAULT_PAGE, Cursor, PageSize, cursor_of, read_cursor
from shared.runtime.problems import Problem
from shared.runtime.reading import known_id, reading
from shared.runtime.service import Service


def router(service: Service) -> APIRouter:
    """The leads' routes."""
    routes = APIRouter(tags=["leads"])

    @routes.get("/v1/leads")
    async def leads(reader: Reader, cursor: Cursor = None, limit: PageSize = DEFAULT_PAGE) -> dict[str, Any]:
        after = read_cursor(cursor)
        async with reading(service) as work:
            page = await page_of_leads(work, after, limit)
            events = await events_of_leads(work, [lead_id for lead_id, _ in page])
        following = cursor_of(page[-1][1], page[-1][0]) if len(page) == limit else None
        personal = sees_personal(reader)
        return {
            "leads": [summary(newest(lead_id, events[lead_id]), personal=personal) for lead_id, _ in page],
            "next_cursor": following,
        }

    @routes.get("/v1/leads/{lead_id}")
    async def lead(lead_id: str, reader: Reader) -> dict[str, Any]:
        survivor, events = await _events(service, lead_id)
        return detail(newest(survivor, events), personal=sees_personal(reader))

    @routes.get("/v1/leads/{lead_id}/timeline")
    async def events_of(lead_id: str, reader: Reader) -> dict[str, Any]:
        survivor, events = await _events(service, lead_id)
        return {"lead_id": survivor, "events": timeline(seen(events), personal=sees_personal(reader))}

    @routes.get("/v1/leads/{lead_id}/interests")
    async def interests_of(lead_id: str, reader: Reader) -> dict[str, Any]:
        """Sessions, page categories with dwell, topics, search terms, materials: ranked, machines left out."""
        survivor, events = await _events(service, lead_id)
        return {"lead_id": survivor, **interests(events, personal=sees_personal(reader))}

    return routes


async def _events(service: Service, lead_id: str) -> tuple[str, list[StoredEvent]]:
    asked = known_id(lead_id, "lead")
    async with reading(service) as work:
        survivor = await surviving(work, asked)
        events = (await events_of_leads(work, [survivor]))[survivor]
    if not events:
        raise Problem(404, "not_found", "There is no such lead, or its events have not arrived yet.")
    return survivor, events
