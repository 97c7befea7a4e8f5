"""Bringing an installation up to date: schemas, default rules, topics."""

import asyncio
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

from shared.contracts.topics import SERVICES, TOPICS
from shared.messaging import admin
from shared.persistence import migrations
from shared.runtime.settings import ServiceSettings

_ROOT: Final = Path(__file__).resolve().parents[1]


def migration_folder(service: str) -> Path:
    """Where a service keeps its Alembic history."""
    return _ROOT / service / "migrations"


def migrate(settings: ServiceSettings, report: Callable[[str], None]) -> None:
    """Every service's schema to the newest version, and its defaults where it has none yet. `report` is told each one's name."""
    dsn = settings.postgres_dsn.get_secret_value()
    for service in SERVICES:
        migrations.upgrade(service, migration_folder(service), dsn)
        seed = _seed_of(service)
        if seed is not None:
            asyncio.run(migrations.seed(service, dsn, seed))
        report(service)


def _seed_of(service: str) -> migrations.Seed | None:
    try:
        module = importlib.import_module(f"services.{service}.seed")
    except ModuleNotFoundError as error:
        if error.name != f"services.{service}.seed":
            raise
        return None
    seed: migrations.Seed = module.seed
    return seed


async def apply_topics(settings: ServiceSettings, *, replication: int, min_insync: int) -> list[str]:
    """Create what is missing of the register, and wait until the cluster tells of all of it."""
    names, bootstrap = settings.names, settings.kafka_bootstrap
    made = await admin.apply(bootstrap, names, replication=replication, min_insync=min_insync)
    await admin.wait_until_described(bootstrap, names, TOPICS)
    admin.check(await admin.describe(bootstrap, names, TOPICS), TOPICS, names)
    return made
