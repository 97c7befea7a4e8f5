"""What an event tells of its lead beside that it happened: it cannot be reached by an address, it has responded."""

from typing import Any, Final, NamedTuple

from services.capture.domain.behaviour.reading import Behaviour
from services.capture.domain.identity import digest_of
from services.capture.domain.lifecycle import Channel, Mark

# What nobody does who has not responded. That a mail was opened, or a page seen, is no response.
RESPONSES: Final = frozenset(
    {
        "mail.clicked", "mail.replied", "link.clicked", "form.submitted", "file.downloaded", "chat.opened",
        "material.requested", "material.replied", "call.received", "meeting.booked", "meeting.held", "offer.accepted",
    }
)  # fmt: skip
_AGAINST: Final[dict[str, tuple[Mark, Channel]]] = {
    "mail.bounced": ("bounced", "email"),
    "mail.complained": ("opted_out", "email"),
    "mail.opted_out": ("opted_out", "email"),
    "phone.invalid": ("invalid_phone", "phone"),
    "phone.opted_out": ("opted_out", "phone"),
}
# How mail tools say that it will be tried again: the address is as good as it was.
_PASSING: Final = frozenset({"soft", "softbounce", "soft_bounce", "transient", "temporary", "deferred", "delayed"})
_SAYS_HOW: Final = ("bounce_type", "type", "severity", "classification")
_RESPONDED: Final = "responded"


class Against(NamedTuple):
    """By which channel somebody cannot, or must not, be reached any more. `address` is the digest of the one that is
    meant; None: all of the channel."""

    mark: Mark
    channel: Channel
    address: str | None


def told_by(behaviour: Behaviour, *, human: bool) -> str | None:
    """What an event tells, as it is kept until its lead is known; None for nearly all."""
    if behaviour.kind in _AGAINST:
        mark, channel = _AGAINST[behaviour.kind]
        if mark == "bounced" and _is_passing(behaviour.properties):
            return None
        digests = [digest_of(key) for key in behaviour.named.keys if key.kind == channel]
        return ":".join((mark, channel, *(digests[:1] if mark != "opted_out" else ())))
    return _RESPONDED if human and behaviour.kind in RESPONSES else None


def read_told(told: str) -> Against | None:
    """What was kept of it; None: that somebody has responded."""
    if told == _RESPONDED:
        return None
    mark, channel, *address = told.split(":")
    return Against(mark, channel, address[0] if address else None)  # type: ignore[arg-type]


def _is_passing(properties: dict[str, Any]) -> bool:
    said = (properties.get(name) for name in _SAYS_HOW)
    return any(isinstance(each, str) and each.strip().lower() in _PASSING for each in said)
