"""Messages as they are sent: places for a few facts in texts that rules hold, filled in at the last moment."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from services.scoring.journeys.domain.model import Message

_PLACE: Final = re.compile(r"\{([a-z_]{1,20})\}")
_LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a channel gets. `key` is the idempotency key: the same message again has the same one."""

    key: str
    channel: str
    to: str | None
    template: str | None
    subject: str | None
    text: str | None
    fields: Mapping[str, str]


def render(message: Message, lead: Mapping[str, Any], *, key: str, code: str | None, until: str | None) -> Rendered:
    """The message to this lead. Places that nothing is known for are left empty; others stay as they are written."""
    fields = fields_of(lead, code, until)
    to = fields["phone"] if message.channel in ("sms", "phone", "call") else fields["email"]
    return Rendered(
        key,
        message.channel,
        to or None,
        message.template,
        _one_line(fill(message.subject, fields)),
        fill(message.text, fields),
        fields,
    )


def fields_of(lead: Mapping[str, Any], code: str | None, until: str | None) -> dict[str, str]:
    """What texts may name."""
    company = lead.get("company")
    return {
        **{name: _text(lead.get(name)) for name in ("email", "phone", "first_name", "last_name", "name", "title")},
        "company": _text(company.get("name")) if isinstance(company, dict) else "",
        "code": code or "",
        "valid_until": (until or "")[:10],
    }


def fill(text: str | None, fields: Mapping[str, str]) -> str | None:
    """The text with its places filled in, once: what is filled in is not looked into again."""
    return None if text is None else _PLACE.sub(lambda place: fields.get(place[1], place[0]), text)


def _text(value: Any) -> str:
    return value[:_LONGEST] if isinstance(value, str) else ""


def _one_line(text: str | None) -> str | None:
    """Without line breaks: they would begin another header."""
    return None if text is None else " ".join(text.split())
