"""The servers that tests run on: named in the environment, a Docker engine's where asked for, else the local stack."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from shared.contracts.topics import TOPICS
from shared.messaging import admin
from shared.messaging.names import Names


@dataclass(frozen=True)
class Servers:
    """Where the servers are, and what a test may call its own: a topic prefix and a database."""

    kafka: str
    postgres: str = field(repr=False)
    redis: str = field(repr=False)
    kind: str
    prefix: str = ""
    spine_partitions: int = 4

    @property
    def names(self) -> Names:
        return Names(self.prefix, self.spine_partitions)

    def environment(self) -> dict[str, str]:
        """The variables that point a service's process here."""
        return {
            "LEADSTREAM_KAFKA_BOOTSTRAP": self.kafka,
            "LEADSTREAM_POSTGRES_DSN": self.postgres,
            "LEADSTREAM_REDIS_URL": self.redis,
            "LEADSTREAM_TOPIC_PREFIX": self.prefix,
            "LEADSTREAM_SPINE_PARTITIONS": str(self.spine_partitions),
        }


def _named() -> Servers | None:
    kafka = os.environ.get("LEADSTREAM_KAFKA_BOOTSTRAP")
    postgres = os.environ.get("LEADSTREAM_POSTGRES_DSN")
    if not kafka or not postgres:
        return None
    return Servers(kafka, postgres, os.environ.get("LEADSTREAM_REDIS_URL", "redis://127.0.0.1:6379/0"), "environment")


@contextmanager
def running_servers() -> Iterator[Servers]:
    """One stack a test run."""
    named = _named()
    if named is not None:
        yield named
    elif os.environ.get("LEADSTREAM_TESTS_STACK") == "docker":
        from tests.support.docker_stack import docker_servers

        with docker_servers() as servers:
            yield servers
    else:
        from tests.support.local_stack import local_servers

        with local_servers() as servers:
            yield servers


async def create_database(root: str) -> str:
    """A database of one's own on the server of `root`; its DSN."""
    dsn = urlunsplit(urlsplit(root)._replace(path=f"/t_{secrets.token_hex(4)}"))
    await _administer(root, f'CREATE DATABASE "{_name_of(dsn)}"')
    return dsn


async def drop_database(root: str, dsn: str) -> None:
    """Take it away again, whoever is still connected."""
    await _administer(root, f'DROP DATABASE IF EXISTS "{_name_of(dsn)}" WITH (FORCE)')


async def _administer(root: str, statement: str) -> None:
    connection = await asyncpg.connect(root)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _name_of(dsn: str) -> str:
    return urlsplit(dsn).path.lstrip("/")


async def fresh(servers: Servers) -> Servers:
    """A database and a topic prefix of one's own."""
    dsn = await create_database(servers.postgres)
    mine = replace(servers, postgres=dsn, prefix=f"{_name_of(dsn).replace('_', '-')}.")
    await admin.apply(mine.kafka, mine.names, replication=1, min_insync=1)
    await admin.wait_until_described(mine.kafka, mine.names, TOPICS)
    return mine


async def dispose(servers: Servers, root: Servers) -> None:
    """Take the test's topics and database away again."""
    from aiokafka.admin import AIOKafkaAdminClient

    client = AIOKafkaAdminClient(bootstrap_servers=servers.kafka)
    await client.start()
    try:
        await client.delete_topics([servers.names.topic(name) for name in TOPICS])
    finally:
        await client.close()
    await drop_database(root.postgres, servers.postgres)
