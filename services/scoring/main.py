"""Scoring as a process: `python -m services.scoring.main`."""

from fastapi import FastAPI

from services.scoring.adapters.erasure import PERSONAL
from services.scoring.adapters.models import active_models
from services.scoring.adapters.shadow import PostgresShadow, Running, ShadowedStandings
from services.scoring.api import account_scores_router, scores_router
from services.scoring.domain.model import KIND
from services.scoring.drift_api import drift_router
from services.scoring.journeys.adapters.book import PostgresJourneyBook
from services.scoring.journeys.adapters.models import active_journeys
from services.scoring.journeys.api import journeys_router
from services.scoring.journeys.domain.model import KIND as JOURNEY_RULES
from services.scoring.journeys.keeping import channels_of, keeping_journeys
from services.scoring.journeys.sending import Sending
from services.scoring.journeys.subscribers import journeys_lane
from services.scoring.keeping import keeping
from services.scoring.segments.adapters.book import PostgresSegmentBook
from services.scoring.segments.adapters.models import active_segments
from services.scoring.segments.api import segments_router
from services.scoring.segments.domain.model import KIND as SEGMENTS
from services.scoring.segments.keeping import keeping_segments
from services.scoring.segments.subscribers import segments_lane
from services.scoring.settings import ScoringSettings
from services.scoring.shadow_api import shadow_router
from services.scoring.subscribers import subscriptions
from shared.contracts.topics import COMMANDS_COMPLETED, JOURNEYS, RULES_PUBLISHED, SCORED, SCORING_COMMANDS
from shared.runtime.commands_api import commands_router
from shared.runtime.http import create_http, serve
from shared.runtime.person_api import person_router
from shared.runtime.rules_api import rules_router
from shared.runtime.service import Service
from shared.runtime.sweeper import sweeping


def build_app(settings: ScoringSettings | None = None) -> FastAPI:
    """The app, with nothing started yet."""
    settings = settings or ScoringSettings()
    service = Service(
        "scoring", settings, publishes=[SCORED, JOURNEYS, SCORING_COMMANDS, RULES_PUBLISHED, COMMANDS_COMPLETED]
    )
    models, segments, running = active_models(), PostgresSegmentBook(), Running()
    beside = [
        segments_lane(
            active_segments(), segments, max_records=settings.max_records, pause_lag=settings.segments_pause_lag
        ),
        journeys_lane(
            active_journeys(),
            PostgresJourneyBook(segments),
            max_records=settings.max_records,
            pause_lag=settings.segments_pause_lag,
        ),
    ]
    service.subscriptions.extend(
        subscriptions(
            models,
            ShadowedStandings(running),
            segments,
            PostgresShadow(),
            PERSONAL,
            beside,
            max_records=settings.max_records,
        )
    )
    service.background.extend((sweeping(service), keeping(service, running), keeping_segments(service)))
    sending = Sending(service, active_journeys(), channels_of(settings), settings)
    service.background.extend((keeping_journeys(service), sending.running))
    routers = [
        scores_router(service),
        account_scores_router(service, models),
        segments_router(service),
        shadow_router(service),
        drift_router(service),
        journeys_router(service),
        rules_router(service, KIND, SEGMENTS, JOURNEY_RULES),
        commands_router(service),
    ]
    return create_http(service, routers=[*routers, person_router(service, PERSONAL)])


if __name__ == "__main__":
    serve(build_app)
