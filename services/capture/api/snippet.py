"""`GET /v1/snippet.js`: what a page needs to tell what its visitors do."""

from hashlib import sha256
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

_SOURCE: Final = Path(__file__).parents[1] / "static" / "snippet.js"
_KEPT_S: Final = 3600


def snippet_text() -> bytes:
    """The snippet as it is served: without indentation, less than 4 kB."""
    return "\n".join(line.strip() for line in _SOURCE.read_text(encoding="utf-8").splitlines()).encode()


def snippet_router() -> APIRouter:
    """The route. Anybody may read it; it holds no key."""
    router = APIRouter(tags=["events"])
    text = snippet_text()
    headers = {
        "ETag": f'"{sha256(text).hexdigest()[:16]}"',
        "Cache-Control": f"public, max-age={_KEPT_S}",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Access-Control-Allow-Origin": "*",
        "X-Content-Type-Options": "nosniff",
    }

    @router.get("/v1/snippet.js")
    async def snippet(request: Request) -> Response:
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        return Response(text, headers=headers, media_type="text/javascript; charset=utf-8")

    return router
