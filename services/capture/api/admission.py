"""Who is let in: known senders that may send, each key and each address within its limit."""

from math import ceil
from typing import Final, Literal

from fastapi import Request

from services.capture.adapters.limits import Limiter
from services.capture.domain.guard import ADDRESS_RATE
from services.capture.domain.limits import LINE_COST, site_of
from shared.observability.metrics import REQUESTS_LIMITED
from shared.runtime.access import Principal, Requires
from shared.runtime.problems import Problem

Kind = Literal["key", "address"]
_DETAILS: Final[dict[Kind, str]] = {
    "key": "This key sends more than it may. Try again after the seconds in Retry-After.",
    "address": "This address sends more than it may. Try again after the seconds in Retry-After.",
}
_KNOWN_SENDER: Final = Requires("send")


class Admission:
    """A FastAPI dependency for every route that takes submissions. Raises problems: 401, 403, and 429 with Retry-After.

    Addresses come first, so that guessing keys is limited too.
    """

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter

    async def __call__(self, request: Request) -> Principal:
        await self.admit("address", address_of(request))
        principal = await _KNOWN_SENDER(request)
        await self.admit("key", principal.key_id)
        return principal

    async def admit(self, kind: Kind, name: str) -> None:
        """Let one request of a sender in. Raises a 429 problem beyond its limit."""
        wait_s = await self._limiter.admit(kind, name)
        if wait_s > 0:
            REQUESTS_LIMITED.labels(limit=kind).inc()
            raise Problem(429, "too_many_requests", _DETAILS[kind], headers={"Retry-After": str(ceil(wait_s))})

    async def signals(self, request: Request, *, is_form: bool) -> str:
        """What is suspicious about how a submission comes; a server that posts JSON for many people is not."""
        if is_form and await self._limiter.admit("form", address_of(request)) > 0:
            return ADDRESS_RATE
        return ""

    async def charge_lines(self, request: Request, principal: Principal, lines: int) -> None:
        """Count a batch's lines, which are known only after it was let in."""
        await self._limiter.charge("address", address_of(request), lines * LINE_COST)
        await self._limiter.charge("key", principal.key_id, lines * LINE_COST)


def address_of(request: Request) -> str:
    """The client's address (behind a trusted proxy, the one that it names), as it is counted."""
    return site_of(request.client.host) if request.client is not None else ""
