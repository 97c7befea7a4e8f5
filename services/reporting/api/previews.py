"""`POST /v1/rules/preview`, `learn`, `outcomes`: drafts run over the stored past beside the live rules; rules learned from its
outcomes, and held against them. Nothing is changed by it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from services.reporting.adapters.postgres.past import Span, past_of, published_rules
from services.reporting.api.reading import Reader, asked_time
from services.reporting.ports import PreviewBusy, PreviewFailed, PreviewRunner
from shared.contracts.envelope import rfc3339
from shared.runtime.problems import Problem
from shared.runtime.reading import reading
from shared.runtime.service import Service

MOST_LEADS: Final = 500_000
MOST_EXAMPLES: Final = 100
Kind = Literal["scoring", "assignment", "gate"]
_Name = Annotated[str, Field(min_length=1, max_length=200)]
_Text = Annotated[str, Field(min_length=1, max_length=700_000)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class Draft(_Body):
    """A document that somebody thinks of publishing."""

    name: _Name = "draft.yaml"
    text: _Text


class LiveDocument(_Body):
    """A document as it is live."""

    text: _Text
    version: int = Field(ge=0, le=2**31 - 1)


class ActiveMember(_Body):
    """A member as routing tells it; the name is of no use here, and kept nowhere."""

    member_id: _Name
    name: str | None = Field(None, max_length=1000)
    active: bool
    queues: list[_Name] = Field([], max_length=1000)


class PreviewAsked(_Body):
    """One draft of each kind at most. What is not given of `live` is what was published last, or what is shipped."""

    drafts: list[Draft] = Field(min_length=1, max_length=3)
    live: dict[Kind, LiveDocument] = {}
    members: list[ActiveMember] | None = Field(None, max_length=10_000)
    limit: int = Field(100_000, ge=1, le=MOST_LEADS)
    first: datetime | None = Field(None, alias="from")
    end: datetime | None = Field(None, alias="to")
    examples: int = Field(5, ge=0, le=MOST_EXAMPLES)


class LearningAsked(_Body):
    """What a learned scoring document is called, and the least leads that a rule of it may rest on."""

    name: Annotated[str, Field(min_length=1, max_length=64)] = "learned"
    support: int = Field(50, ge=20, le=MOST_LEADS)
    limit: int = Field(100_000, ge=1, le=MOST_LEADS)


class OutcomesAsked(_Body):
    """A scoring document to be held against outcomes. Below `support` of them nothing is concluded."""

    document: _Text
    support: int = Field(50, ge=1, le=MOST_LEADS)
    limit: int = Field(100_000, ge=1, le=MOST_LEADS)


def router(service: Service, runner: PreviewRunner) -> APIRouter:
    """The preview's route."""
    routes = APIRouter(tags=["rules"])

    @routes.post("/v1/rules/preview")
    async def preview(asked: PreviewAsked, _: Reader) -> dict[str, Any]:
        """Who would change grade, owner, queue; loads, volumes, hand-offs, wins and losses by grade. It takes up to a
        minute; one runs at a time."""
        span = Span(asked_time(asked.first, "from"), asked_time(asked.end, "to"), asked.limit)
        async with reading(service) as work:
            live = await published_rules(work)
        live |= {kind: document.model_dump() for kind, document in asked.live.items()}
        job = {
            "drafts": [draft.model_dump() for draft in asked.drafts],
            "live": live,
            "members": None
            if asked.members is None
            else [member.model_dump(exclude={"name"}) for member in asked.members],
            "examples": asked.examples,
            "as_of_ms": int(service.clock().timestamp() * 1000),
        }
        return await _run(job, span)

    @routes.post("/v1/rules/learn")
    async def learn(asked: LearningAsked, _: Reader) -> dict[str, Any]:
        """A scoring document learned from what was won and lost; 409 `not_enough_data` where that is too little."""
        return await _run({"task": "learn", **asked.model_dump()}, Span(None, None, asked.limit))

    @routes.post("/v1/rules/outcomes")
    async def outcomes(asked: OutcomesAsked, _: Reader) -> dict[str, Any]:
        """Win rate, lift and support of each rule with intervals, of each grade, and what moved."""
        return await _run({"task": "outcomes", **asked.model_dump()}, Span(None, None, asked.limit))

    async def _run(job: Mapping[str, Any], span: Span) -> dict[str, Any]:
        try:
            found = await runner.run(job, past_of(lambda: reading(service), span))
        except PreviewBusy:
            detail = "Another preview is under way. Try again when it is done."
            raise Problem(429, "preview_busy", detail, headers={"Retry-After": "10"}) from None
        except PreviewFailed as error:
            raise Problem(503, "preview_failed", f"The preview came to no report: {error}.") from None
        if "problems" in found:
            detail = "The documents cannot be published as they are."
            raise Problem(422, "invalid_rules", detail, problems=found["problems"])
        if "refused" in found:
            raise Problem(409, found["refused"], found["detail"])
        return {**found, "asked_at": rfc3339(service.clock())}

    return routes
