"""Reporting over HTTP: reads, and the keys."""

from fastapi import APIRouter

from services.reporting.adapters.postgres.erasure import PERSONAL
from services.reporting.api import dead_letters, keys, leads, ledger, previews, replays, reports
from services.reporting.ports import KeyStore, PreviewRunner
from shared.runtime.commands_api import commands_router
from shared.runtime.person_api import person_router
from shared.runtime.service import Service


def routers(service: Service, key_store: KeyStore, runner: PreviewRunner) -> list[APIRouter]:
    """Every router of the service."""
    return [
        ledger.router(service),
        reports.router(service),
        leads.router(service),
        dead_letters.router(service),
        replays.router(service),
        keys.router(service, key_store),
        previews.router(service, runner),
        commands_router(service),
        person_router(service, PERSONAL),
    ]
