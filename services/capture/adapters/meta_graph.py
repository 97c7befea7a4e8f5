"""Leads from Meta's Graph API: one by its id, or those of a form by time."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Final

import orjson

from services.capture.adapters.provider_http import ProviderHttp, is_usable_id
from services.capture.ports import Fetched, NotEver, NotNow
from services.capture.sources.composing import as_id, dictionaries, dictionary
from services.capture.sources.configured import ConfiguredSource
from services.capture.sources.meta import created_at, is_test_id

_FIELDS: Final = "id,created_time,ad_id,ad_name,adset_name,campaign_id,campaign_name,form_id,is_organic,field_data"
_PAGE: Final = "100"


class MetaGraph:
    """See ports.LeadProvider."""

    def __init__(self, http: ProviderHttp) -> None:
        self._http = http

    async def fetch(self, source: ConfiguredSource, provider_id: str) -> Fetched | NotNow | NotEver:
        """See ports.LeadProvider."""
        if source.token is None or not is_usable_id(provider_id):
            return NotEver("unusable_id")
        answer = await self._http.get(provider_id, source.token.value, {"fields": _FIELDS})
        if isinstance(answer, NotNow | NotEver):
            return answer
        found, raw = answer
        if as_id(found.get("id")) != provider_id or "field_data" not in found:
            return NotNow("another_object")
        return _fetched(found, raw)

    async def close(self) -> None:
        """See ports.LeadProvider."""
        await self._http.close()

    async def listed(
        self, source: ConfiguredSource, since: datetime, until: datetime
    ) -> AsyncIterator[Sequence[Fetched] | NotNow | NotEver]:
        """See ports.LeadProvider. Form by form, as the file of sources names them."""
        for form in source.entry.forms:
            after: str | None = ""
            while after is not None and source.token is not None:
                parameters = {"fields": _FIELDS, "limit": _PAGE, "filtering": _between(since, until), "after": after}
                answer = await self._http.get(
                    f"{form}/leads", source.token.value, {name: value for name, value in parameters.items() if value}
                )
                if isinstance(answer, NotNow | NotEver):
                    yield answer
                    return
                yield [_fetched(each, orjson.dumps(each)) for each in dictionaries(answer[0].get("data"))]
                after = _next(answer[0])


def _between(since: datetime, until: datetime) -> str:
    bounds = [("GREATER_THAN", int(since.timestamp()) - 1), ("LESS_THAN", int(until.timestamp()))]
    return orjson.dumps([{"field": "time_created", "operator": op, "value": at} for op, at in bounds]).decode()


def _next(page: dict[str, Any]) -> str | None:
    """The cursor of the next page: never its URL, which might lead elsewhere."""
    paging = dictionary(page.get("paging"))
    return as_id(dictionary(paging.get("cursors")).get("after")) if paging.get("next") else None


def _fetched(found: dict[str, Any], raw: bytes) -> Fetched:
    lead_id = as_id(found.get("id"))
    return Fetched(raw, is_test_id(lead_id), created_at(found), lead_id)
