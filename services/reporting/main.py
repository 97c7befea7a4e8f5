"""Reporting: the history of everything, the counts, the ledger, and access."""

from fastapi import FastAPI

from services.reporting.adapters.postgres.keys import PostgresKeys
from services.reporting.adapters.postgres.store import PostgresEventStore
from services.reporting.adapters.preview_process import PreviewProcess
from services.reporting.api import routers
from services.reporting.keeping import keeping
from services.reporting.ports import PreviewRunner
from services.reporting.settings import ReportingSettings
from services.reporting.subscribers import access, history
from shared.contracts.topics import ACCESS_GRANTED, COMMANDS_COMPLETED
from shared.runtime.http import create_http, serve
from shared.runtime.service import Service


def build_app(settings: ReportingSettings | None = None, previews: PreviewRunner | None = None) -> FastAPI:
    """The service, put together but not started. `previews` runs drafts of rules over the stored past."""
    settings = settings or ReportingSettings()
    service = Service("reporting", settings, publishes=[ACCESS_GRANTED, COMMANDS_COMPLETED])
    store, keys = PostgresEventStore(), PostgresKeys()
    service.subscriptions += [history(store, max_records=settings.max_records), access(store, keys)]
    service.background.append(keeping(service, settings))
    return create_http(service, routers(service, keys, previews or PreviewProcess()))


if __name__ == "__main__":
    serve(build_app)
