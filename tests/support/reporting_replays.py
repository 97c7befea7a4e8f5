"""Reporting's HTTP without Kafka: what it would send is kept, who asks has a key."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from services.reporting.main import build_app
from services.reporting.settings import ReportingSettings
from shared.contracts.commands.replay import ReplayRecord
from shared.contracts.events.platform import AccessGranted, CommandCompleted
from shared.contracts.topics import COMMANDS_COMPLETED
from shared.handling.records import Record
from shared.messaging.raw_producer import RawRecord
from shared.persistence.database import Database
from shared.runtime.access import secret_hash
from tests.support.reporting import NOW, Stream, instant

ADMIN, VIEWER, SOURCE = "ls_a_1", "ls_b_2", "ls_c_3"


class Taken:
    """Kafka's place: what was sent."""

    def __init__(self) -> None:
        self.records: list[tuple[str, RawRecord]] = []

    async def send(self, topic: str, records: Sequence[RawRecord]) -> None:
        self.records += [(topic, record) for record in records]

    @property
    def commands(self) -> list[ReplayRecord]:
        return [ReplayRecord.model_validate_json(record.value) for _, record in self.records]


@asynccontextmanager
async def replaying_app(dsn: str, database: Database) -> AsyncIterator[FastAPI]:
    async with database.transaction(NOW) as work:
        await work.execute("TRUNCATE replays")
    app = build_app(ReportingSettings(postgres_dsn=SecretStr(dsn), admin_key=SecretStr(ADMIN)))
    for key, role in ((VIEWER, "viewer"), (SOURCE, "source")):
        granted = {"key_id": key.split("_")[1], "secret_hash": secret_hash(key), "role": role, "granted_at": instant()}
        app.state.service.access.apply(AccessGranted.model_validate(granted))
    app.state.service.raw = Taken()
    yield app
    await app.state.service.database.dispose()


def client(app: FastAPI, key: str = ADMIN) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test", headers=headers)


async def listed(app: FastAPI, **filters: Any) -> list[dict[str, Any]]:
    async with client(app) as http:
        found: list[dict[str, Any]] = (await http.get("/v1/dead-letters", params=filters)).json()["dead_letters"]
    return found


def completion(stream: Stream, command_id: str, letter_id: str, status: str, **result: Any) -> Record:
    linked = {"dead_letter_id": letter_id, "first_id": letter_id, "run_id": None, **result}
    data = CommandCompleted(
        command_id=command_id, command=ReplayRecord.TYPE, service="capture", status=status, result=linked,
        reason=None if status == "done" else "processing_failed", completed_at=instant(),
    )  # fmt: skip
    return stream.record(COMMANDS_COMPLETED, CommandCompleted.TYPE, data, key=command_id)


def request_of(stream: Stream, sent: tuple[str, RawRecord]) -> Record:
    """What was sent, as it comes from the command topic."""
    topic, raw = sent
    command_id = dict(raw.headers)["ce_subject"].decode()
    return stream.record(topic, ReplayRecord.TYPE, raw.value, key=command_id)
