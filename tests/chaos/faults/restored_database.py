"""A service's database restored to an earlier time: it refuses to start, says what to do, and that mends it."""

from collections.abc import Mapping
from typing import ClassVar

import asyncpg

from services.cli.recovery import rewind_to_database
from shared.contracts.topics import SCORED
from shared.runtime.settings import ServiceSettings
from tests.chaos.crowd import cold_of, leads_of
from tests.chaos.fault import Fault, World

_TABLES = """
    SELECT relname::text AS name FROM pg_class
    WHERE relnamespace = 'scoring'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition AND relname <> 'slots'
"""
_BACKUP = "backup_of_scoring"


class RestoredDatabase(Fault):
    name: ClassVar = "RESTORED"
    title: ClassVar = "database restored to an earlier time, Kafka is ahead"
    promise: ClassVar = "P2, P3"
    short: ClassVar = 60
    full: ClassVar = 3000

    def must(self, amount: float) -> Mapping[str, float]:
        return {"leads forgotten": amount, "refused": 1, "partitions set back": 1, "published again": amount}

    async def inject(self, world: World, amount: float) -> None:
        await world.pipeline.feed.pause()
        await world.until(world.fleet.caught_up, "all is quiet before the backup")
        tables = await self._back_up(world)
        name, people = f"forgotten-{world.token}", range(int(amount))
        for person in people:
            world.pipeline.feed.send(cold_of(name, person))
        await leads_of(world, [f"{name}-{person}" for person in people], SCORED)
        await world.until(world.fleet.caught_up, "all is quiet before the restore")
        world.count("leads forgotten", len(people))
        await world.fleet.stop("scoring")
        await self._restore(world, tables)
        world.fleet.launch("scoring")
        world.pipeline.feed.flow()
        world.pipeline.feed.send(cold_of(name, len(people)))
        await world.until(lambda: refuses(world), "scoring refuses a database that is older than Kafka")
        world.count("refused")
        await self._mend(world)

    async def _back_up(self, world: World) -> list[str]:
        tables = [str(row["name"]) for row in await world.sql(_TABLES)]
        await world.sql(f"CREATE SCHEMA {_BACKUP}")
        for table in tables:
            await world.sql(f"CREATE TABLE {_BACKUP}.{table} AS TABLE scoring.{table}")
        return tables

    async def _restore(self, world: World, tables: list[str]) -> None:
        connection = await asyncpg.connect(world.servers.postgres)
        try:
            await connection.execute("SET session_replication_role = replica")  # as a restore does: no foreign keys
            await connection.execute(f"TRUNCATE {', '.join(f'scoring.{table}' for table in tables)}")
            for table in tables:
                await connection.execute(f"INSERT INTO scoring.{table} SELECT * FROM {_BACKUP}.{table}")
            await connection.execute(f"DROP SCHEMA {_BACKUP} CASCADE")
        finally:
            await connection.close()

    async def _mend(self, world: World) -> None:
        reader = world.pipeline.reader
        again = (await reader.catch_up()).repeated[SCORED]
        await recover_by_the_book(world)
        wanted = world.counts["leads forgotten"]

        async def published() -> bool:
            return (await reader.catch_up()).repeated[SCORED] - again >= wanted

        await world.until(published, "what the lost database had published goes out again")
        # With the same event ids: once more each, and everybody downstream knows them.
        world.count("published again", reader.evidence.repeated[SCORED] - again)
        world.require(reader.evidence.repeated[SCORED] - again == wanted, "more than what was lost went out again")
        reader.evidence.repeated[SCORED] = again


async def refuses(world: World) -> bool:
    """Whether scoring says that its database is older than Kafka."""
    health = await world.fleet.processes["scoring"].health()
    return health is not None and any("older than Kafka" in reason for reason in health["reasons"])


async def recover_by_the_book(world: World) -> None:
    """As the message says: `leadstream services recover scoring` while it is stopped."""
    await world.fleet.stop("scoring")
    settings = ServiceSettings(
        kafka_bootstrap=world.servers.kafka,
        postgres_dsn=world.servers.postgres,
        topic_prefix=world.servers.prefix,
        spine_partitions=world.servers.spine_partitions,
    )
    world.count("partitions set back", await rewind_to_database(settings, "scoring"))
    world.fleet.launch("scoring")
    await world.fleet.ready()


FAULTS = [RestoredDatabase()]
