"""Routing as a process: `python -m services.routing.main`."""

from datetime import timedelta

from fastapi import FastAPI

from services.routing.adapters.postgres import postgres_tables
from services.routing.api import routing_router
from services.routing.domain.rules import KIND
from services.routing.settings import RoutingSettings
from services.routing.subscribers import routing_subscription
from shared.contracts.topics import CAPTURE_COMMANDS, ROUTED, RULES_PUBLISHED
from shared.runtime.commands_api import commands_router
from shared.runtime.http import create_http, serve
from shared.runtime.person_api import person_router
from shared.runtime.rules_api import rules_router
from shared.runtime.service import Service
from shared.runtime.sweeper import sweeping


def build_app(settings: RoutingSettings | None = None) -> FastAPI:
    """The app; nothing is opened before it starts."""
    settings = settings or RoutingSettings()
    service = Service("routing", settings, publishes=[ROUTED, RULES_PUBLISHED, CAPTURE_COMMANDS])
    tables, junk_kept = postgres_tables(), timedelta(days=settings.junk_kept_days)
    service.subscriptions.append(routing_subscription(tables, max_records=settings.max_records, junk_kept=junk_kept))
    service.background.append(sweeping(service))
    routers = [routing_router(service), rules_router(service, KIND), commands_router(service)]
    return create_http(service, routers=[*routers, person_router(service, tables.personal)])


if __name__ == "__main__":
    serve(build_app)
