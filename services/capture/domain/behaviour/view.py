"""Behaviour as it is published and stored: JSON whose first members are put in when its lead is known."""

from typing import Any, Final

import orjson

from services.capture.domain.behaviour.reading import Behaviour, instant_of
from services.capture.domain.behaviour.stitching import Found

_HEAD: Final = b'{"lead_id":"%b","matched_by":"%b",%b'
_LINKED: Final = b'{"lead_id":"%b","matched_by":"%b","linked_by":"%b",%b'


def body_of(behaviour: Behaviour, source: str, judged: dict[str, Any], origin: dict[str, Any]) -> bytes:
    """What is said of an event whoever's it is. `judged` says whether a person did it; the origin comes last."""
    return orjson.dumps(
        {
            "kind": behaviour.kind,
            "occurred_at": instant_of(behaviour.occurred_us),
            "source": source,
            **behaviour.about,
            **judged,
            "visitor": behaviour.named.visitor,
            "properties": behaviour.properties,
            "origin": origin,
        }
    )


def of_lead(body: bytes, found: Found) -> bytes:
    """The data of `lead.behaved`: the body with its lead and how that was found."""
    lead_id, matched_by, link = found
    head = (lead_id.encode(), matched_by.encode())
    if link is None:
        return _HEAD % (*head, body[1:])
    return _LINKED % (*head, link.event_id.encode(), body[1:])
