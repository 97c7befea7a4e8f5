"""Responses from Typeform's Responses API, for backfills: its webhooks carry everything themselves."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

import orjson

from services.capture.adapters.provider_http import ProviderHttp
from services.capture.ports import Fetched, NotEver, NotNow
from services.capture.sources.composing import as_id, dictionaries
from services.capture.sources.configured import ConfiguredSource

_PAGE = 200


class TypeformApi:
    """See ports.LeadProvider."""

    def __init__(self, http: ProviderHttp) -> None:
        self._http = http

    async def fetch(self, source: ConfiguredSource, provider_id: str) -> Fetched | NotNow | NotEver:
        """Never needed."""
        return NotEver("not_announced")

    async def close(self) -> None:
        """See ports.LeadProvider."""
        await self._http.close()

    async def listed(
        self, source: ConfiguredSource, since: datetime, until: datetime
    ) -> AsyncIterator[Sequence[Fetched] | NotNow | NotEver]:
        """See ports.LeadProvider. Form by form, from the newest backwards."""
        for form in source.entry.forms:
            before = ""
            while source.token is not None:
                asked = {"page_size": str(_PAGE), "since": _written(since), "until": _written(until), "before": before}
                answer = await self._http.get(
                    f"forms/{form}/responses",
                    source.token.value,
                    {name: value for name, value in asked.items() if value},
                )
                if isinstance(answer, NotNow | NotEver):
                    yield answer
                    return
                found = dictionaries(answer[0].get("items"))
                yield [
                    Fetched(orjson.dumps(each), False, as_id(each.get("submitted_at")), as_id(each.get("token")))
                    for each in found
                ]
                before = as_id(found[-1].get("token")) or "" if found else ""
                if len(found) < _PAGE or not before:
                    break


def _written(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
