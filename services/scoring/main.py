"""Scoring as a process: `python -m services.scoring.main`."""

from fastapi import FastAPI

from services.scoring.adapters.erasure import PERSONAL
from services.scoring.adapters.models import active_models
from services.scoring.adapters.postgres import PostgresStandings
from services.scoring.api import scores_router
from services.scoring.domain.model import KIND
from services.scoring.keeping import keeping
from services.scoring.settings import ScoringSettings
from services.scoring.subscribers import subscriptions
from shared.contracts.topics import COMMANDS_COMPLETED, RULES_PUBLISHED, SCORED
from shared.runtime.commands_api import commands_router
from shared.runtime.http import create_http, serve
from shared.runtime.person_api import person_router
from shared.runtime.rules_api import rules_router
from shared.runtime.service import Service
from shared.runtime.sweeper import sweeping


def build_app(settings: ScoringSettings | None = None) -> FastAPI:
    """The app, with nothing started yet."""
    settings = settings or ScoringSettings()
    service = Service("scoring", settings, publishes=[SCORED, RULES_PUBLISHED, COMMANDS_COMPLETED])
    service.subscriptions.extend(
        subscriptions(active_models(), PostgresStandings(), PERSONAL, max_records=settings.max_records)
    )
    service.background.extend((sweeping(service), keeping(service)))
    routers = [scores_router(service), rules_router(service, KIND), commands_router(service)]
    return create_http(service, routers=[*routers, person_router(service, PERSONAL)])


if __name__ == "__main__":
    serve(build_app)
