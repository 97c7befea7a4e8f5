"""Leads from LinkedIn's Lead Sync API: a response by its id, together with the form that names its questions."""

from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import orjson

from services.capture.adapters.provider_http import ProviderHttp, is_usable_id
from services.capture.ports import Fetched, NotEver, NotNow
from services.capture.sources.composing import as_id, dictionaries, from_millis
from services.capture.sources.configured import ConfiguredSource

_FORMS: Final = 500
_PAGE: Final = 100


class LinkedInApi:
    """See ports.LeadProvider. Forms are remembered: their versions never change."""

    def __init__(self, http: ProviderHttp, version: str) -> None:
        self._http = http
        self._headers = {"LinkedIn-Version": version, "X-Restli-Protocol-Version": "2.0.0"}
        self._forms: OrderedDict[str, bytes] = OrderedDict()

    async def fetch(self, source: ConfiguredSource, provider_id: str) -> Fetched | NotNow | NotEver:
        """See ports.LeadProvider."""
        if source.token is None or not is_usable_id(provider_id):
            return NotEver("unusable_id")
        answer = await self._get(f"leadFormResponses/{quote(provider_id, safe='')}", source)
        if isinstance(answer, NotNow | NotEver):
            return answer
        return await self._with_form(source, answer[0], answer[1])

    async def close(self) -> None:
        """See ports.LeadProvider."""
        await self._http.close()

    async def listed(
        self, source: ConfiguredSource, since: datetime, until: datetime
    ) -> AsyncIterator[Sequence[Fetched] | NotNow | NotEver]:
        """See ports.LeadProvider. Account by account, as the file of sources names them under `forms`."""
        times = f"(start:{int(since.timestamp() * 1000)},end:{int(until.timestamp() * 1000)})"
        for account in source.entry.forms:
            start, more = 0, True
            while more:
                owner = f"(sponsoredAccount:{quote(account, safe='')})"
                query = (
                    f"leadFormResponses?q=owner&owner={owner}&submittedAtTimeRange={times}&start={start}&count={_PAGE}"
                )
                answer = await self._get(query, source)
                page = answer if isinstance(answer, NotNow | NotEver) else await self._page(source, answer[0])
                yield page
                if isinstance(page, NotNow | NotEver):
                    return
                start, more = start + _PAGE, len(page) == _PAGE

    async def _page(self, source: ConfiguredSource, found: dict[str, Any]) -> list[Fetched] | NotNow | NotEver:
        page: list[Fetched] = []
        for each in dictionaries(found.get("elements")):
            lead = await self._with_form(source, each, orjson.dumps(each))
            if not isinstance(lead, Fetched):
                return lead
            page.append(lead)
        return page

    async def _with_form(
        self, source: ConfiguredSource, found: dict[str, Any], raw: bytes
    ) -> Fetched | NotNow | NotEver:
        urn = as_id(found.get("versionedLeadGenFormUrn")) or ""
        form = await self._form(source, urn.rpartition("leadGenForm:")[2].partition(",")[0])
        if isinstance(form, NotNow):
            return form
        joined = b'{"response":' + raw + b',"form":' + (form if isinstance(form, bytes) else b"null") + b"}"
        return Fetched(
            joined, found.get("testLead") is True, from_millis(found.get("submittedAt")), as_id(found.get("id"))
        )

    async def _form(self, source: ConfiguredSource, form_id: str) -> bytes | NotNow | NotEver:
        if not is_usable_id(form_id):
            return NotEver("no_form")
        if form_id not in self._forms:
            answer = await self._get(f"leadForms/{quote(form_id, safe='')}", source)
            if isinstance(answer, NotNow | NotEver):
                return answer
            self._forms[form_id] = answer[1]
            if len(self._forms) > _FORMS:
                self._forms.popitem(last=False)
        return self._forms[form_id]

    async def _get(self, path: str, source: ConfiguredSource) -> tuple[dict[str, Any], bytes] | NotNow | NotEver:
        assert source.token is not None
        return await self._http.get(path, source.token.value, None, self._headers)
