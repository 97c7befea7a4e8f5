"""What an installation needs, looked at one thing after the other."""

import os
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any

import asyncpg
import httpx
import redis.asyncio
from aiokafka.errors import KafkaError
from redis.exceptions import RedisError

from shared.contracts.topics import SERVICES, TOPICS
from shared.messaging import admin
from shared.persistence.database import role_of
from shared.runtime.settings import ServiceSettings


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `says` names what to do when it is not good."""

    what: str
    good: bool
    says: str

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


async def examine(settings: ServiceSettings) -> list[Finding]:
    """Look at Kafka, topics, Postgres, schemas, Redis and the services."""
    findings = [await look(settings) for look in (_kafka, _postgres, _redis)]
    return findings + [await _service(name) for name in SERVICES]


async def _guarded(what: str, look: Callable[[], Awaitable[str]], remedy: str) -> Finding:
    try:
        return Finding(what, True, await look())
    except admin.TopicMismatch as error:
        return Finding(what, False, str(error))
    except (OSError, TimeoutError, KafkaError, RedisError, asyncpg.PostgresError, httpx.HTTPError) as error:
        return Finding(what, False, f"{type(error).__name__}; {remedy}")


async def _kafka(settings: ServiceSettings) -> Finding:
    async def look() -> str:
        found = await admin.describe(settings.kafka_bootstrap, settings.names, TOPICS)
        admin.check(found, TOPICS, settings.names)
        return f"answers, {len(found)} topics as registered"

    return await _guarded("kafka", look, "check LEADSTREAM_KAFKA_BOOTSTRAP, or `leadstream stack up`")


async def _postgres(settings: ServiceSettings) -> Finding:
    async def look() -> str:
        connection = await asyncpg.connect(settings.postgres_dsn.get_secret_value(), timeout=5)
        try:
            for service in SERVICES:
                await connection.execute(f"SET ROLE {role_of(service)}")
                await connection.fetch(f"SELECT version_num FROM {service}.alembic_version")
                await connection.execute("RESET ROLE")
        finally:
            await connection.close()
        return "answers, five schemas migrated"

    return await _guarded("postgres", look, "check LEADSTREAM_POSTGRES_DSN, then `leadstream migrate`")


async def _redis(settings: ServiceSettings) -> Finding:
    async def look() -> str:
        client = redis.asyncio.from_url(settings.redis_url.get_secret_value(), socket_timeout=1)
        try:
            await client.ping()
        finally:
            await client.aclose()
        return "answers"

    return await _guarded("redis", look, "only speed is lost without it; check LEADSTREAM_REDIS_URL")


async def _service(name: str) -> Finding:
    url = os.environ.get(f"LEADSTREAM_{name.upper()}_URL", "")
    if not url:
        return Finding(name, False, f"LEADSTREAM_{name.upper()}_URL is not set; is it up? (`make up`)")

    remedy = f"see `leadstream stack logs {name}-0`"
    try:
        async with httpx.AsyncClient(timeout=3) as client:
            return judge_health(name, (await client.get(f"{url}/health/ready")).json(), remedy)
    except (httpx.HTTPError, ValueError) as error:
        return Finding(name, False, f"{type(error).__name__}; {remedy}")


def judge_health(name: str, body: dict[str, Any], remedy: str) -> Finding:
    """What `/health/ready` says. Capture takes leads, so is ready, also while what comes after stands still."""
    wrong = [*body["reasons"], *(reason for reason in body.get("consumers", ()) if reason not in body["reasons"])]
    if wrong or not body["ready"]:
        return Finding(name, False, f"{'; '.join(wrong) or 'not ready'}; {remedy}")
    if warnings := body.get("warnings"):
        return Finding(name, False, f"{'; '.join(warnings)}; {remedy}")
    return Finding(name, True, f"ready, {body['lag']} records behind")
