"""Commands over HTTP: a request becomes a record on the service's command topic; the answer is the row it leaves."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from shared.contracts import ids
from shared.contracts.base import Contract
from shared.contracts.envelope import Envelope, rfc3339, trace_context
from shared.contracts.topics import COMMAND_TOPICS
from shared.messaging.raw_producer import IntakeUnavailable, RawRecord
from shared.persistence.commands import read_completed
from shared.persistence.database import is_transient
from shared.runtime.access import Requires
from shared.runtime.idempotency import idempotency_key
from shared.runtime.problems import Problem
from shared.runtime.reading import known_id
from shared.runtime.service import Service

WAIT_S: Final = 2.0
MAX_COMMAND_BYTES: Final = 1_000_000
_POLL_S: Final = 0.03


@dataclass(frozen=True, slots=True)
class Sent:
    """A command on its way."""

    command_id: str
    command: str


@dataclass(frozen=True, slots=True)
class ToSend:
    """A command to send, and the service that it is for."""

    sent: Sent
    to: str
    key: str
    data: Any
    traceparent: str | None = None


def command_id(command: str, key: str, idempotency_key: str | None) -> str:
    """The caller's Idempotency-Key makes the id; without one every request is a new command."""
    if idempotency_key is None:
        return ids.new_id()
    return ids.derive(ids.COMMANDS, command, key, idempotency_key)


async def send_command(
    service: Service, command_type: str, key: str, data: Contract, request: Request | None = None
) -> Sent:
    """Put a command on the service's own topic, acknowledged. Raises a 503 problem when Kafka cannot take it,
    and a 400 problem for an Idempotency-Key that is none."""
    sent = sent_by(request, command_type, key)
    traceparent = request.headers.get("traceparent") if request is not None else None
    await send_commands(service, [ToSend(sent, service.name, key, data, traceparent)])
    return sent


def sent_by(request: Request | None, command_type: str, key: str) -> Sent:
    """The id that a request's command gets. Raises a 400 problem for an Idempotency-Key that is none."""
    wanted = idempotency_key(request) if request is not None else None
    return Sent(command_id(command_type, key, wanted), command_type)


async def send_commands(service: Service, commands: Sequence[ToSend]) -> None:
    """Put commands on the topics of the services that they are for, acknowledged. Raises a 413 problem for one that no
    record holds, before any is sent, and a 503 problem when Kafka cannot take them: then some may have been."""
    by_topic: dict[str, list[RawRecord]] = {}
    for command in commands:
        by_topic.setdefault(COMMAND_TOPICS[command.to], []).append(_record(service, command))
    if any(len(record.value) > MAX_COMMAND_BYTES for records in by_topic.values() for record in records):
        raise Problem(413, "too_large", f"A command has at most {MAX_COMMAND_BYTES} bytes.")
    try:
        if service.raw is None:
            raise IntakeUnavailable
        for topic, records in by_topic.items():
            await service.raw.send(topic, records)
    except IntakeUnavailable as error:
        detail = "Kafka cannot take the command now. Try again; an Idempotency-Key makes that safe."
        raise Problem(503, "unavailable", detail, headers={"Retry-After": "2"}) from error


def _record(service: Service, command: ToSend) -> RawRecord:
    author = f"leadstream/{service.name}/api"
    envelope = Envelope(
        ids.root_event_id(author, command.sent.command_id),
        command.sent.command,
        author,
        command.sent.command_id,
        rfc3339(service.clock()),
        trace_context(command.traceparent.encode()) if command.traceparent else None,
    )
    data = command.data
    return RawRecord(command.key.encode(), data.__pydantic_serializer__.to_json(data), envelope.headers())


async def answer(service: Service, sent: Sent, *, wait_s: float = WAIT_S) -> JSONResponse:
    """200 with the result when the command completes in time, else 202 with where to look."""
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline:
        completed = await _completed(service, sent.command_id)
        if completed is not None:
            return JSONResponse(completed, 200 if completed["status"] == "done" else 409)
        await asyncio.sleep(_POLL_S)
    pending = {"command_id": sent.command_id, "status": "pending"}
    return JSONResponse(pending, 202, {"Location": f"/v1/commands/{sent.command_id}"})


async def _completed(service: Service, command: str) -> dict[str, Any] | None:
    try:
        async with service.database.transaction(service.clock()) as work:
            row = await read_completed(work, command)
    except Exception as error:
        if is_transient(error):
            return None
        raise
    if row is None:
        return None
    return {"command_id": command, **row, "completed_at": rfc3339(row["completed_at"])}


def commands_router(service: Service) -> APIRouter:
    """`GET /v1/commands/{id}`."""
    router = APIRouter(tags=["commands"])

    @router.get("/v1/commands/{command_id}", dependencies=[Depends(Requires("read"))])
    async def read(command_id: str) -> JSONResponse:
        asked = known_id(command_id, "command")
        completed = await _completed(service, asked)
        return JSONResponse(completed or {"command_id": asked, "status": "pending"})

    return router
