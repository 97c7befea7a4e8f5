"""Conversion as a process: `python -m services.conversion.main`."""

from fastapi import FastAPI

from services.conversion.adapters.postgres.erasure import PERSONAL
from services.conversion.adapters.postgres.gates import PostgresGates
from services.conversion.adapters.postgres.leads import PostgresLeads
from services.conversion.adapters.postgres.parties import PostgresParties
from services.conversion.adapters.postgres.pipelines import PostgresPipelines
from services.conversion.adapters.postgres.sales import PostgresSales
from services.conversion.api import conversion_router
from services.conversion.domain.gate import KIND
from services.conversion.domain.pipeline import KIND as PIPELINE
from services.conversion.settings import ConversionSettings
from services.conversion.subscribers import conversion_subscription
from shared.contracts.topics import CHANGED, CONVERTED, RULES_PUBLISHED
from shared.messaging.subscription import Subscription
from shared.runtime.commands_api import commands_router
from shared.runtime.http import create_http, serve
from shared.runtime.person_api import person_router
from shared.runtime.rules_api import rules_router
from shared.runtime.service import Service
from shared.runtime.sweeper import sweeping


def subscription(max_records: int = 2000) -> Subscription:
    """The lane, on Postgres."""
    adapters = (PostgresGates(), PostgresLeads(), PostgresParties(), PostgresSales(), PostgresPipelines(), PERSONAL)
    return conversion_subscription(*adapters, max_records=max_records)


def build_app(settings: ConversionSettings | None = None) -> FastAPI:
    """The app; nothing is opened before it starts."""
    settings = settings or ConversionSettings()
    service = Service("conversion", settings, publishes=[CONVERTED, CHANGED, RULES_PUBLISHED])
    service.subscriptions.append(subscription(settings.max_records))
    service.background.append(sweeping(service))
    routers = [conversion_router(service), rules_router(service, KIND, PIPELINE), commands_router(service)]
    return create_http(service, routers=[*routers, person_router(service, PERSONAL)])


if __name__ == "__main__":
    serve(build_app)
