"""Browsers as senders: a public key that is bound to one source and to the pages of its origins. No ids without consent."""

from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Final

from fastapi import Request
from fastapi.responses import Response

from services.capture.api.admission import Admission, address_of
from services.capture.domain.behaviour.reading import Claims
from services.capture.handlers.arrivals import ADDRESS_HEADER, AGENT_HEADER
from shared.runtime.access import AccessBook, Principal, bearer, unauthenticated
from shared.runtime.problems import Problem

BROWSER: Final = "browser"
_LONGEST_AGENT: Final = 512
_PREFLIGHT_S: Final = 86_400
# What is left of an address without consent: the network, and not the person in it.
_KEPT_BITS: Final = {4: 24, 6: 48}


@dataclass(frozen=True, slots=True)
class Observer:
    """Who tells what people do. `origin` is that of a browser's page."""

    principal: Principal
    origin: str | None

    @property
    def is_browser(self) -> bool:
        """Whether it is a page that tells it itself."""
        return self.principal.role == BROWSER

    def check(self, claims: Claims) -> None:
        """Raises a 422 problem where a page names somebody who did not agree to be followed: nothing is stored."""
        if self.is_browser and claims.names_somebody and not claims.consents:
            detail = "Without `consent: true` a page may not name its visitor. Nothing was stored."
            raise Problem(422, "consent_needed", detail, field="consent", headers=allow_origin(self))

    def context(self, request: Request, *, consents: bool) -> list[tuple[str, bytes]]:
        """Headers by which a person is told from a machine. Without consent the address is cut to its network."""
        if not self.is_browser:
            return []
        agent = request.headers.get("user-agent", "")[:_LONGEST_AGENT]
        found = [(AGENT_HEADER, agent.encode(errors="replace"))]
        address = _address(request, whole=consents)
        return [*found, (ADDRESS_HEADER, address.encode())] if address else found


def _address(request: Request, *, whole: bool) -> str | None:
    try:
        address = ip_address(request.client.host if request.client else "")
    except ValueError:
        return None
    if whole:
        return str(address)
    return str(ip_network(f"{address}/{_KEPT_BITS[address.version]}", strict=False).network_address)


@dataclass(frozen=True, slots=True)
class KnownObserver:
    """A FastAPI dependency: who may tell what people do, within the limits of its address and key. A browser's key may
    stand in the address, no other one may."""

    admission: Admission

    async def __call__(self, request: Request) -> Observer:
        await self.admission.admit("address", address_of(request))
        who = _observer(request)
        await self.admission.admit("key", who.principal.key_id)
        return who


def _observer(request: Request) -> Observer:
    book: AccessBook = request.app.state.service.access
    in_header, in_address = bearer(request), request.query_params.get("key")
    key = in_header or in_address or ""
    principal = book.principal(key)
    if principal is None:
        raise unauthenticated(key)
    if not principal.may("observe"):
        raise Problem(403, "forbidden", f"This key's role ({principal.role}) does not allow to send events.")
    if principal.role != BROWSER:
        if not in_header:
            raise Problem(403, "secret_in_address", "Only a browser's key may stand in the address: revoke this one.")
        return Observer(principal, None)
    origin = request.headers.get("origin", "")
    if origin not in principal.origins:
        raise Problem(403, "origin_not_allowed", "This key is not for pages of this origin.", field="origin")
    return Observer(principal, origin)


def allow_origin(who: Observer) -> dict[str, str]:
    """The headers that let a page of an allowed origin read the answer."""
    return {"Access-Control-Allow-Origin": who.origin, "Vary": "Origin"} if who.origin else {}


def preflight(request: Request) -> Response:
    """What a browser asks before it sends: allowed to pages of the key's origins."""
    book: AccessBook = request.app.state.service.access
    principal = book.principal(request.query_params.get("key") or "")
    origin = request.headers.get("origin", "")
    if principal is None or principal.role != BROWSER or origin not in principal.origins:
        return Response(status_code=403, headers={"Vary": "Origin"})
    headers = {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": "POST",
        "Access-Control-Allow-Headers": "content-type",
        "Access-Control-Max-Age": str(_PREFLIGHT_S),
        "Vary": "Origin",
    }
    return Response(status_code=204, headers=headers)
