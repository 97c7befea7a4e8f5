"""A verifier that is asked over HTTP: one POST a page of leads. What it answers is untrusted: bounded, and checked."""

import asyncio
from collections.abc import Sequence
from typing import Final

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from services.capture.domain.verifying import Contact, Finding
from services.capture.handlers.check_leads import finding_of
from services.capture.hygiene_ports import VerifierUnavailable
from shared.contracts.commands.capture import LeadFinding

_TIMEOUT_S: Final = 30.0
_LARGEST: Final = 500_000  # a page's findings go into one record


class _Answer(BaseModel):
    """What is answered: findings of leads that were asked about; others are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    findings: list[LeadFinding]


class HttpVerifier:
    """See hygiene_ports.Verifier. The key travels in a header, so that no log has it."""

    def __init__(self, url: str, key: str, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._url = url
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client = httpx.AsyncClient(
            timeout=_TIMEOUT_S, follow_redirects=False, transport=transport, headers=headers
        )

    async def verify(self, contacts: Sequence[Contact]) -> Sequence[Finding]:
        """See hygiene_ports.Verifier."""
        body = {"contacts": [contact._asdict() for contact in contacts]}
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                answered = await self._ask(body)
            found = _Answer.model_validate_json(answered).findings
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError, ValidationError) as error:
            raise VerifierUnavailable(type(error).__name__) from None
        asked = {contact.lead_id for contact in contacts}
        return [finding_of(one) for one in found if one.lead_id in asked]

    async def _ask(self, body: object) -> bytes:
        async with self._client.stream("POST", self._url, json=body) as response:
            if response.status_code != httpx.codes.OK:
                raise VerifierUnavailable(f"http_{response.status_code}")
            answered = b""
            async for part in response.aiter_bytes(65_536):
                answered += part
                if len(answered) > _LARGEST:
                    raise VerifierUnavailable("too_large")
            return answered

    async def close(self) -> None:
        """See hygiene_ports.Verifier."""
        await self._client.aclose()
