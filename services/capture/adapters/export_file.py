"""A provider's export, one JSON payload a line, in place of its API: for a provider that has none, and for recordings."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from services.capture.domain.payload import JSON_TYPE
from services.capture.ports import Fetched, NotEver, NotNow
from services.capture.sources.configured import ConfiguredSource
from services.capture.sources.protocol import Asked, Element
from services.capture.sources.register import exported

_PAGE: Final = 200


class ExportFile:
    """See ports.LeadProvider. A line is what the provider's webhook or API gives for a lead."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def fetch(self, source: ConfiguredSource, provider_id: str) -> Fetched | NotNow | NotEver:
        """An export is read as a whole."""
        return NotEver("not_announced")

    async def close(self) -> None:
        """Nothing is kept open."""

    async def listed(
        self, source: ConfiguredSource, since: datetime, until: datetime
    ) -> AsyncIterator[Sequence[Fetched] | NotNow | NotEver]:
        """See ports.LeadProvider. A lead that says no time is in every range."""
        page: list[Fetched] = []
        with self._path.open("rb") as lines:
            for line in lines:
                page.extend(
                    Fetched(each.raw, each.is_test, each.occurred_at, each.ce_id)
                    for each in _elements(line.strip(), source)
                    if _is_within(each, since, until)
                )
                if len(page) >= _PAGE:
                    yield page
                    page = []
        if page:
            yield page


def _elements(line: bytes, source: ConfiguredSource) -> Sequence[Element]:
    if not line:
        return ()
    return exported(Asked("POST", "", {}, {}, JSON_TYPE, line, datetime.now(UTC)), source)


def _is_within(element: Element, since: datetime, until: datetime) -> bool:
    try:
        at = datetime.fromisoformat(element.occurred_at or "")
    except ValueError:
        return True
    return since <= (at if at.tzinfo is not None else at.replace(tzinfo=UTC)) < until
