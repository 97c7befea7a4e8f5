"""What providers answer over HTTP: untrusted. Bounded in time and size, no redirects, JSON or nothing."""

import asyncio
import re
from collections.abc import Mapping
from typing import Any, Final

import httpx
import orjson

from services.capture.ports import NotEver, NotNow

_TIMEOUT_S: Final = 15.0
_LARGEST: Final = 4_194_304
_ID: Final = re.compile(r"[A-Za-z0-9_.:()-]{1,200}")
_LONGEST_WAIT_S: Final = 3600.0


class ProviderHttp:
    """Calls to one provider's API. Never raises for what the other side does."""

    def __init__(self, base_url: str, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._base_url = base_url.rstrip("/")
        self._client = httpx.AsyncClient(timeout=_TIMEOUT_S, follow_redirects=False, transport=transport)

    async def get(
        self,
        path: str,
        token: bytes,
        parameters: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[dict[str, Any], bytes] | NotNow | NotEver:
        """The object that is answered, with its bytes. The token travels in a header, so that no log has it."""
        sent = {"Authorization": f"Bearer {token.decode('latin-1')}", "Accept": "application/json", **(headers or {})}
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                url = f"{self._base_url}/{path}"
                async with self._client.stream("GET", url, params=dict(parameters or {}), headers=sent) as response:
                    return _judge(response, await _bounded(response))
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as error:
            return NotNow(type(error).__name__)

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()


def is_usable_id(provider_id: str) -> bool:
    """Whether an id may stand in a path."""
    return _ID.fullmatch(provider_id) is not None and ".." not in provider_id


async def _bounded(response: httpx.Response) -> bytes | None:
    """The body, inflated; None for one beyond the limit, of which no more is read."""
    parts, size = [], 0
    async for part in response.aiter_bytes(65_536):
        size += len(part)
        if size > _LARGEST:
            return None
        parts.append(part)
    return b"".join(parts)


def _judge(response: httpx.Response, body: bytes | None) -> tuple[dict[str, Any], bytes] | NotNow | NotEver:
    status = response.status_code
    if status in (404, 410):
        return NotEver("gone")
    if status != 200:
        gone = status == 400 and _error_code(body) == 100  # Meta: the object does not exist, or is not ours to read
        return NotEver("gone") if gone else NotNow(f"http_{status}", _wait_of(response))
    if body is None:
        return NotEver("too_large")
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return NotNow("no_json")
    return (found, body) if isinstance(found, dict) else NotNow("no_object")


def _error_code(body: bytes | None) -> int | None:
    try:
        found = orjson.loads(body or b"")
        code = found["error"]["code"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
    return code if isinstance(code, int) else None


def _wait_of(response: httpx.Response) -> float | None:
    given = response.headers.get("retry-after", "")
    return min(float(given), _LONGEST_WAIT_S) if given.isascii() and given.isdigit() and len(given) < 8 else None
