"""Replays: what is parked, one or many, becomes commands to the service that failed; and what became of a run of them."""

import base64
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from services.reporting.adapters.postgres.parked import read_letters
from services.reporting.adapters.postgres.replays import run_counts
from services.reporting.api.originals import with_originals
from services.reporting.api.reading import Reader
from services.reporting.handlers.replays import HeldLetter, NotReplayable, Wanted, replay_command
from services.reporting.handlers.storing import is_readable
from shared.contracts import ids
from shared.contracts.commands.replay import ReplayRecord
from shared.handling.originals import unpack_original
from shared.runtime.access import Principal, Requires
from shared.runtime.commands_api import Sent, ToSend, answer, send_commands, sent_by
from shared.runtime.problems import Problem
from shared.runtime.reading import known_id, reading
from shared.runtime.service import Service

AT_ONCE: Final = 100
_STATUS: Final = {"too_large": 413}
Changer = Annotated[Principal, Depends(Requires("change"))]
Note = Annotated[str, Field(max_length=500, pattern=r"^[^\x00]*$")]


class ReplayRequest(BaseModel):
    """With a value, the record is replayed with that one in the place of its own; id, time and headers stay."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    value: str | None = None
    value_encoding: Literal["utf-8", "base64"] = "utf-8"
    note: Note = ""


class ReplayMany(BaseModel):
    """Dead letters to replay together. Slices of one run share its id; sending a slice again has no second effect."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    ids: list[UUID] = Field(min_length=1, max_length=AT_ONCE)
    run_id: UUID | None = None
    note: Note = ""


def router(service: Service) -> APIRouter:
    """The replays' routes."""
    routes = APIRouter(tags=["dead letters"])

    @routes.post("/v1/dead-letters/replay")
    async def many(wanted: ReplayMany, principal: Changer) -> JSONResponse:
        """202 with the commands that are on their way, and the letters that cannot be replayed."""
        run_id = str(wanted.run_id or ids.new_id())
        asked = [str(each) for each in dict.fromkeys(wanted.ids)]
        letters = await _letters(service, asked)
        commands: list[ToSend] = []
        refused: list[dict[str, Any]] = []
        for parked_id in asked:
            found = _command(letters, parked_id, Wanted(principal.key_id, wanted.note, run_id))
            if isinstance(found, NotReplayable):
                refused.append({"id": parked_id, "code": found.code, "detail": found.detail})
            else:
                sent = Sent(ids.derive(ids.COMMANDS, ReplayRecord.TYPE, run_id, parked_id), ReplayRecord.TYPE)
                commands.append(ToSend(sent, letters[parked_id].row["service"], _key(letters[parked_id]), found))
        await send_commands(service, commands)
        on_their_way = [{"id": each.data.dead_letter_id, "command_id": each.sent.command_id} for each in commands]
        return JSONResponse({"run_id": run_id, "sent": on_their_way, "refused": refused}, 202)

    @routes.post("/v1/dead-letters/{parked_id}/replay")
    async def one(parked_id: str, wanted: ReplayRequest, principal: Changer, request: Request) -> JSONResponse:
        """200 once it is applied, 409 when it failed again or was refused, else 202."""
        asked = known_id(parked_id, "dead letter")
        letters = await _letters(service, [asked])
        if asked not in letters:
            raise Problem(404, "not_found", "There is no such dead letter; they are kept for a limited time.")
        found = _command(letters, asked, Wanted(principal.key_id, wanted.note, value=_edited(wanted)))
        if isinstance(found, NotReplayable):
            raise Problem(_STATUS.get(found.code, 409), found.code, found.detail)
        sent = sent_by(request, ReplayRecord.TYPE, asked)
        await send_commands(service, [ToSend(sent, letters[asked].row["service"], _key(letters[asked]), found)])
        return await answer(service, sent)

    @routes.get("/v1/replays/{run_id}")
    async def run(run_id: str, _: Reader) -> dict[str, Any]:
        """What became of the replays of a run, counted."""
        asked = known_id(run_id, "run of replays")
        async with reading(service) as work:
            counts = await run_counts(work, asked)
        total = sum(row["count"] for row in counts)
        completed = sum(row["count"] for row in counts if row["status"] is not None)
        return {"run_id": asked, "requested": total, "completed": completed, "counts": counts}

    return routes


async def _letters(service: Service, asked: list[str]) -> dict[str, HeldLetter]:
    async with reading(service) as work:
        found = await read_letters(work, asked)
    return await with_originals(service, found)


def _command(letters: Mapping[str, HeldLetter], parked_id: str, wanted: Wanted) -> ReplayRecord | NotReplayable:
    if parked_id not in letters:
        return NotReplayable("not_found", "There is no such dead letter; they are kept for a limited time.")
    found = replay_command(letters[parked_id], wanted)
    if isinstance(found, NotReplayable) or letters[parked_id].row["kind"] != "unreadable":
        return found
    if not is_readable(unpack_original(found.record, inbound=False)):
        return NotReplayable("still_unreadable", "Reporting cannot read this value: replay it with a mended one.")
    return found


def _key(letter: HeldLetter) -> str:
    """Replays of one record are taken one after the other."""
    return str(letter.row["event_id"])


def _edited(wanted: ReplayRequest) -> bytes | None:
    if wanted.value is None:
        return None
    if wanted.value_encoding == "utf-8":
        return wanted.value.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(wanted.value, validate=True)
    except ValueError:
        raise Problem(422, "invalid_value", "The value is not base64.", field="value") from None
