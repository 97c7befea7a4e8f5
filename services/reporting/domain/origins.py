"""What a captured lead says of where it came from, for the few that no count is kept of."""

from collections.abc import Iterable
from typing import Final, NamedTuple

import orjson

from services.reporting.domain.extract import UNREADABLE, plain_text

_UNMAPPED: Final = b'"source":"unmapped"'
_SENT_AS: Final = b'"source_raw":"'
_REFERRED: Final = b'"referrer_ref":"'


class LeadOrigin(NamedTuple):
    """The word that the vocabulary does not know, and who referred the lead; of the newest version."""

    lead_id: str
    lead_version: int
    source_raw: str | None
    referrer_ref: str | None


def origin_said(lead_id: str, value: bytes) -> LeadOrigin | None:
    """What a captured lead says; None for nearly all, which are not even read."""
    if _REFERRED not in value and (_UNMAPPED not in value or _SENT_AS not in value):
        return None
    try:
        event = orjson.loads(value)
        lead, version = event["lead"], int(event["lead_version"])
        raw = lead.get("source_raw") if lead.get("source") == "unmapped" else None
        found = LeadOrigin(lead_id, version, _text(raw), _text(lead.get("referrer_ref")))
    except UNREADABLE:
        return None
    return found if found.source_raw or found.referrer_ref else None


def newest_origins(said: Iterable[LeadOrigin]) -> list[LeadOrigin]:
    """Of each lead the newest, in the order of ids."""
    newest: dict[str, LeadOrigin] = {}
    for one in said:
        if one.lead_id not in newest or newest[one.lead_id].lead_version < one.lead_version:
            newest[one.lead_id] = one
    return [newest[lead_id] for lead_id in sorted(newest)]


def _text(value: object) -> str | None:
    return plain_text(value) if isinstance(value, str) and value else None
