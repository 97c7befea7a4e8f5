"""HTTP of scoring: the score of a lead or a company, and why."""

from typing import Any

import orjson
from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse

from services.scoring.adapters.postgres import read_members, read_score
from services.scoring.domain.accounts import MOST_LEADS, Member, account_score
from services.scoring.domain.scoring import CompiledModel
from services.scoring.domain.standing import weigh_stored
from services.scoring.ports import Models
from shared.contracts.envelope import rfc3339
from shared.handling.work import Work
from shared.runtime.access import Requires
from shared.runtime.problems import Problem
from shared.runtime.reading import known_id, not_found, reading
from shared.runtime.service import Service


def scores_router(service: Service) -> APIRouter:
    """`GET /v1/leads/{lead_id}/score`."""
    router = APIRouter(tags=["scores"])

    @router.get("/v1/leads/{lead_id}/score", dependencies=[Depends(Requires("read"))])
    async def read(lead_id: str) -> JSONResponse:
        """The newest score of a lead, with every contribution. A merged lead answers with its winner's."""
        asked = known_id(lead_id, "scored lead")
        async with reading(service) as work:
            shown = await read_score(work, asked)
        if shown is None:
            not_found("scored lead")
        body: dict[str, Any] = {
            "lead_id": shown.lead_id,
            "lead_version": shown.lead_version,
            "score": orjson.loads(shown.score),
            "score_version": shown.score_version,
            "updated_at": rfc3339(shown.updated_at),
        }
        return JSONResponse(body)

    return router


def account_scores_router(service: Service, models: Models) -> APIRouter:
    """`GET /v1/accounts/{account}/score`."""
    router = APIRouter(tags=["scores"])

    @router.get("/v1/accounts/{account}/score", dependencies=[Depends(Requires("read"))])
    async def read(account: str) -> JSONResponse:
        """The score of a company now, by its domain or its name folded for comparison (`company.name_key`), and what each
        of its leads brings. The newest 500 leads; `more` says whether there are others."""
        if "\0" in account:  # no text of the database
            not_found("scored account")
        async with reading(service) as work:
            model = await models.read(work)
            body = await _account(work, account, model)
        if body is None:
            not_found("scored account")
        return JSONResponse(body)

    return router


async def _account(work: Work, account: str, model: CompiledModel) -> dict[str, Any] | None:
    if model.account is None:
        detail = "The live scoring model has no section `account`, which says how leads' scores are brought together."
        raise Problem(404, "no_account_scores", detail)
    for key in (f"domain:{account.lower()}", f"name:{account}"):
        leads = await read_members(work, key, MOST_LEADS + 1)
        if leads:
            members = [
                Member(each.lead_id, weigh_stored(each, model, now=work.instant).score) for each in leads[:MOST_LEADS]
            ]
            score = {**account_score(members, model.account), "rules": model.used, "scored_at": work.instant}
            return {"account": key, "score": score, "more": len(leads) > MOST_LEADS}
    return None
