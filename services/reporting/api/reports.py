"""`GET /v1/reports/{name}`: tables with stable column names."""

from datetime import date
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query

from services.reporting.adapters.postgres.funnel import read_counts, recount
from services.reporting.adapters.postgres.letter_counts import STATES, letter_table
from services.reporting.adapters.postgres.lists import list_rows
from services.reporting.adapters.postgres.materials import material_rows
from services.reporting.adapters.postgres.origins import (
    REFERRAL_COLUMNS,
    UNMAPPED_COLUMNS,
    referral_rows,
    unmapped_rows,
)
from services.reporting.adapters.postgres.sales import pipeline_rows
from services.reporting.api.reading import Reader, sees_personal
from services.reporting.domain.funnel import By, funnel_table
from services.reporting.domain.lists import ByOfLists, columns_of
from services.reporting.domain.materials import COLUMNS as MATERIAL_COLUMNS
from services.reporting.domain.personal import MASK
from services.reporting.domain.sales import COLUMNS as PIPELINE_COLUMNS
from shared.runtime.problems import Problem
from shared.runtime.reading import reading
from shared.runtime.service import Service

NAMES: Final = ("funnel", "pipeline", "materials", "dead-letters", "unmapped-sources", "referrals", "lists")
ByOfLetters = Literal["service", "reason", "source", "day"]
Mode = Literal["activity", "cohort"]


def router(service: Service) -> APIRouter:
    """The reports' routes."""
    routes = APIRouter(tags=["reports"])

    @routes.get("/v1/reports/funnel")
    async def funnel(
        _: Reader,
        by: By = "stage",
        mode: Annotated[Mode, Query(description="activity: when it happened; cohort: by the lead's first day")] = (
            "activity"
        ),
        first: Annotated[date | None, Query(alias="from", description="First day, UTC")] = None,
        last: Annotated[date | None, Query(alias="to", description="Last day, UTC, included")] = None,
    ) -> dict[str, Any]:
        async with reading(service) as work:
            counts = await read_counts(work, cohort=mode == "cohort", first=first, last=last)
        table = funnel_table(counts, by)
        return {"report": "funnel", "mode": mode, "by": by, "columns": table.columns, "rows": table.rows}

    @routes.get("/v1/reports/funnel/recount")
    async def recounted(_: Reader) -> dict[str, Any]:
        async with reading(service) as work:
            differences = await recount(work)
        return {"report": "funnel", "reconciles": not differences, "differences": differences}

    @routes.get("/v1/reports/pipeline")
    async def pipeline(_: Reader) -> dict[str, Any]:
        """Where the funnel ends: opportunities by the stage in which they stand, what they are worth, and what of it can be
        expected by the probability of the stage."""
        async with reading(service) as work:
            rows = await pipeline_rows(work)
        return {"report": "pipeline", "columns": PIPELINE_COLUMNS, "rows": rows}

    @routes.get("/v1/reports/dead-letters")
    async def dead_letters(
        _: Reader,
        by: ByOfLetters = "reason",
        first: Annotated[date | None, Query(alias="from", description="First day, UTC")] = None,
        last: Annotated[date | None, Query(alias="to", description="Last day, UTC, included")] = None,
    ) -> dict[str, Any]:
        """Dead letters that are kept: how many wait, were replayed, or failed again and wait as a newer one."""
        async with reading(service) as work:
            rows = await letter_table(work, by, first, last)
        return {"report": "dead-letters", "by": by, "columns": [by, *STATES], "rows": rows}

    @routes.get("/v1/reports/materials")
    async def materials(
        _: Reader,
        first: Annotated[date | None, Query(alias="from", description="First day of the steps, UTC")] = None,
        last: Annotated[date | None, Query(alias="to", description="Last day of the steps, UTC, included")] = None,
    ) -> dict[str, Any]:
        """What was sent and read, and what those who got it bought, beside those who did not."""
        async with reading(service) as work:
            rows = await material_rows(work, first, last)
        return {"report": "materials", "columns": MATERIAL_COLUMNS, "rows": rows}

    @routes.get("/v1/reports/unmapped-sources")
    async def unmapped_sources(_: Reader) -> dict[str, Any]:
        """Words for sources that the vocabulary does not know, with their leads."""
        async with reading(service) as work:
            rows = await unmapped_rows(work)
        return {"report": "unmapped-sources", "columns": UNMAPPED_COLUMNS, "rows": rows}

    @routes.get("/v1/reports/referrals")
    async def referrals(reader: Reader) -> dict[str, Any]:
        """Who referred how many leads, and how many of these were converted. A referrer is a person: masked but for admins."""
        async with reading(service) as work:
            rows = await referral_rows(work)
        if not sees_personal(reader):
            rows = [{**row, "referrer": MASK} for row in rows]
        return {"report": "referrals", "columns": REFERRAL_COLUMNS, "rows": rows}

    @routes.get("/v1/reports/lists")
    async def lists(_: Reader, by: ByOfLists = "list") -> dict[str, Any]:
        """What came on each list, what became of it, what it cost and what it brought."""
        async with reading(service) as work:
            rows = await list_rows(work, by)
        return {"report": "lists", "by": by, "columns": columns_of(by), "rows": rows}

    @routes.get("/v1/reports/{name}")
    async def unknown(name: str, _: Reader) -> None:
        raise Problem(404, "unknown_report", f"There is no such report. There are: {', '.join(NAMES)}.", field="name")

    return routes
