"""Errors over HTTP: `application/problem+json` (RFC 9457) with `code`, `field`, `detail`; never the value sent."""

from collections.abc import Mapping
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from shared.observability.logging import describe_error

log = structlog.get_logger(__name__)

_CODES: Final = {
    400: "invalid_body",
    404: "not_found",
    405: "method_not_allowed",
    408: "body_too_slow",
    413: "too_large",
}


class Problem(Exception):
    """An error for a person at the other end."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(code)
        self.status, self.code, self.detail, self.field = status, code, detail, field
        self.headers, self.more = dict(headers or {}), more

    def response(self) -> JSONResponse:
        """The problem body."""
        body: dict[str, Any] = {"type": "about:blank", "title": self.code.replace("_", " "), "status": self.status}
        body |= {"code": self.code, "detail": self.detail, **self.more}
        if self.field is not None:
            body["field"] = self.field
        return JSONResponse(body, self.status, self.headers, media_type="application/problem+json")


def _told(fault: Mapping[str, Any], place: str) -> tuple[str, str]:
    """The code of a fault that validation found, and what was expected; pydantic's own words where they are as good."""
    context = fault.get("ctx") or {}
    if fault["type"] in ("literal_error", "enum"):
        choices = str(context.get("expected", "")).replace("'", "").replace(" or ", ", ")
        return "invalid_value", f"`{place}` is one of: {choices}."
    if fault["type"] == "missing":
        return "missing", f"`{place}` is needed." if place else "A body is needed."
    said = str(fault["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    return str(fault["type"]), f"`{place}` {said}." if place else f"{said[:1].upper()}{said[1:]}."


def install(app: FastAPI) -> None:
    """Answer every error as a problem."""

    @app.exception_handler(Problem)
    async def _problem(_request: Request, problem: Problem) -> JSONResponse:
        return problem.response()

    @app.exception_handler(RequestValidationError)
    async def _invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        if first["type"] == "json_invalid":  # its place is a position in the body, and not a field
            return Problem(400, "invalid_json", "The body is not valid JSON.").response()
        place = ".".join(str(part) for part in first["loc"][1:])
        code, detail = _told(first, place)
        return Problem(422, code, detail, field=place or None).response()

    @app.exception_handler(HTTPException)
    async def _http(_request: Request, error: HTTPException) -> JSONResponse:
        code = _CODES.get(error.status_code, "http_error")
        return Problem(error.status_code, code, str(error.detail), headers=error.headers).response()

    @app.exception_handler(Exception)
    async def _unexpected(_request: Request, error: Exception) -> JSONResponse:
        log.error("request_failed", exception=describe_error(error))
        return Problem(500, "internal_error", "The service could not answer; it has been logged.").response()
