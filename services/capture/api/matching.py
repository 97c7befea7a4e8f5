"""`POST /v1/leads/match`: what leads would become, were they sent now. Nothing is stored, published or changed."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from services.capture.adapters.postgres.leads import PostgresLeadBook
from services.capture.domain.payload import JSON_TYPE
from services.capture.domain.people import Placed, Submitted, stamp_of_record, submission_facts, submitted
from services.capture.domain.reading import Reading, Value, read_values
from services.capture.domain.refusal import Refused
from services.capture.domain.validation import Validation
from services.capture.domain.view import lead_view
from services.capture.ports import ValidationBook
from shared.contracts import ids
from shared.runtime.access import Requires
from shared.runtime.reading import reading
from shared.runtime.service import Service

MAX_LEADS: Final = 200


class LeadsToMatch(BaseModel):
    """Leads as `POST /v1/leads` takes them, from one source, in the order in which they would be sent."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    source: Annotated[str, Field(min_length=1, max_length=128)]
    leads: Annotated[list[dict[str, Any]], Field(max_length=MAX_LEADS)]


def matching_router(
    service: Service, book: PostgresLeadBook, validations: ValidationBook, default_region: str | None
) -> APIRouter:
    """The route."""
    router = APIRouter(tags=["leads"])

    @router.post("/v1/leads/match", dependencies=[Depends(Requires("read"))])
    async def match(wanted: LeadsToMatch) -> dict[str, Any]:
        """Each lead's outcome, and whom it would be joined to: a stored lead, or an earlier one of this list."""
        values = [Value(orjson.dumps(lead), JSON_TYPE) for lead in wanted.leads]
        read = read_values(values, default_region=default_region)
        async with reading(service) as work:
            validation = await validations.read(work)
            judged = [_judged(one, place, wanted.source, validation) for place, one in enumerate(read)]
            found = [one for one in judged if isinstance(one, Submitted)]
            people = await book.look(work, {key for one in found for key in one.keys}, found)
        return {"leads": _answers([one if isinstance(one, Refused) else people.place(one) for one in judged])}

    return router


def _judged(read: Reading | Refused, place: int, source: str, validation: Validation) -> Submitted | Refused:
    if isinstance(read, Refused):
        return read
    event_id = ids.new_id()
    facts = submission_facts(read.clean, stamp_of_record(0, 0, place, event_id), source=source, touched_at="")
    made = submitted(read.clean, facts, event_id, source=source)
    if validation.rules and (why := validation.refusal(lead_view(facts, made.as_new.lead_id), source)) is not None:
        return why
    return made


def _answers(placed: Sequence[Placed | Refused]) -> list[dict[str, Any]]:
    answers: list[dict[str, Any]] = []
    made: dict[str, int] = {}
    for place, where in enumerate(placed):
        if isinstance(where, Refused):
            answers.append(_refusal(where))
            continue
        answer: dict[str, Any] = {"outcome": where.outcome}
        if where.matched_by is not None:
            lead_id = where.person.lead_id
            whom = {"like": made[lead_id]} if lead_id in made else {"lead_id": lead_id}
            answer |= {"matched_by": where.matched_by, **whom}
        else:
            made[where.person.lead_id] = place
        answers.append(answer)
    return answers


def _refusal(why: Refused) -> dict[str, Any]:
    answer = {"outcome": "rejected", "code": why.code, "field": why.field, "detail": why.detail}
    return {**answer, "rule": why.rule} if why.rule is not None else answer
