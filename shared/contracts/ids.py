"""Ids that are derived, so that the same cause always has the same effect.

A record that is delivered twice leads to the same event ids, lead ids and receipt ids; that is what makes a
redelivery recognisable everywhere downstream (`docs/adr/0003-derived-event-ids.md`).
"""

import re
from typing import Any, Final, TypeGuard

from uuid_utils import UUID, uuid5, uuid7

_ROOT: Final = UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")
_SEPARATOR: Final = "\x1f"
WRITTEN: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _namespace(name: str) -> UUID:
    return uuid5(_ROOT, f"leadstream/{name}")


EVENTS: Final = _namespace("events")
LEADS: Final = _namespace("leads")
RECEIPTS: Final = _namespace("receipts")
COMMANDS: Final = _namespace("commands")
PAIRS: Final = _namespace("pairs")
CONVERSIONS: Final = _namespace("conversions")
TIMERS: Final = _namespace("timers")
STAGES: Final = {
    stage: _namespace(f"stage/{stage}") for stage in ("capture", "scoring", "routing", "conversion", "reporting")
}


def is_id(value: Any) -> TypeGuard[str]:
    """Whether this is an id as ids are written here: a UUID, hyphenated, in small letters."""
    return isinstance(value, str) and WRITTEN.fullmatch(value) is not None


def derive(namespace: UUID, *parts: str) -> str:
    """The id that belongs to these parts, always the same. Parts may hold any text but the unit separator."""
    return str(uuid5(namespace, _SEPARATOR.join(parts)))


def root_event_id(source: str, ce_id: str) -> str:
    """The event id of a record that entered from outside: the source and the source's own event id."""
    return derive(EVENTS, source, ce_id)


def derived_event_id(stage: str, cause_id: str, event_type: str, subject: str, discriminator: str = "") -> str:
    """The event id of what `stage` makes of the event `cause_id`."""
    return derive(STAGES[stage], cause_id, event_type, subject, discriminator)


def new_id() -> str:
    """A fresh, time-ordered id (UUIDv7). Only edges call this; decisions get ids as arguments."""
    return str(uuid7())
