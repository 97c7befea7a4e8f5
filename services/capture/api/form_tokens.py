"""`GET /v1/forms/token`: the hidden fields by which a form tells people from machines."""

from typing import Any

from fastapi import APIRouter, Depends

from services.capture.api.intake import Intake
from services.capture.domain.form_token import FORM_FIELD, HONEYPOT_FIELD, form_token


def form_tokens_router(intake: Intake) -> APIRouter:
    """The route, asked for by the page's server when it renders a form."""
    router = APIRouter(tags=["forms"], dependencies=[Depends(intake.admission)])

    @router.get("/v1/forms/token")
    async def token() -> dict[str, Any]:
        """`field` carries the token as a hidden field; `honeypot` is a field that no person sees and that stays empty."""
        rendered_ms = int(intake.now().timestamp() * 1000)
        made = form_token(rendered_ms, secret=intake.settings.secret_bytes)
        return {"token": made, "field": FORM_FIELD, "honeypot": HONEYPOT_FIELD}

    return router
