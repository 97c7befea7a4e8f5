"""What a lead did, as far as scores rest on it: a bounded log for each lead, that is a function of the set of its events.

Neither order nor repetition matters. A merged lead has the union of its logs, and each its own again when the merge is taken
back. Whether a person did it may be seen otherwise later; what was taken back stays in the log and counts for nothing, so
that it cannot come again.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

import msgspec

from services.scoring.domain.behaved import BehavedLead

DAY_MS: Final = 86_400_000
KEPT_DAYS: Final = 400
"""Older events count for nothing, whatever a rule says, and are forgotten."""
MOST_HUMAN: Final = 500
MOST_OTHERS: Final = 200
"""So many events of a lead are kept, the newest: those of a person, and those that count for nothing."""


class Deed(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """One event. `facts` are what rules may ask about; None while only a correction of it is known."""

    event_id: str
    at_ms: int
    facts: dict[str, Any] | None
    human: bool = True
    corrected_ms: int = -1
    retracted: bool = False

    @property
    def counts(self) -> bool:
        """Whether a person did it, as far as is known now."""
        return self.human and not self.retracted and self.facts is not None


class Correction(Protocol):
    """An event is seen otherwise: a `behaviour.corrected`, or what is kept of one."""

    @property
    def corrects(self) -> str: ...

    @property
    def at_ms(self) -> int: ...

    @property
    def corrected_ms(self) -> int: ...

    @property
    def human(self) -> bool: ...

    @property
    def retracted(self) -> bool: ...


Log = dict[str, Deed]
"""The events of one lead by their ids."""

_read: Final = msgspec.json.Decoder(list[Deed]).decode
_write: Final = msgspec.json.Encoder().encode


def read_log(stored: str | bytes) -> Log:
    """A log as it is stored."""
    return {deed.event_id: deed for deed in _read(stored)}


def write_log(log: Mapping[str, Deed]) -> bytes:
    """The log as JSON, the newest event first."""
    return _write(_in_order(log.values()))


def note_told(log: Log, event_id: str, told: BehavedLead) -> bool:
    """Take an event into the log; whether that is news."""
    known = log.get(event_id)
    if known is not None and known.facts is not None:
        return False
    if known is None:
        log[event_id] = Deed(event_id, told.at_ms, told.facts, told.human)
    else:
        log[event_id] = Deed(event_id, told.at_ms, told.facts, known.human, known.corrected_ms, known.retracted)
    return True


def note_corrected(log: Log, said: Correction) -> bool:
    """Take it that an event is seen otherwise, by the newest correction; what was taken back stays so. Whether that is news."""
    known = log.get(said.corrects) or Deed(said.corrects, said.at_ms, None)
    human, newest = known.human, known.corrected_ms
    if said.corrected_ms > newest:
        human, newest = said.human, said.corrected_ms
    deed = Deed(known.event_id, known.at_ms, known.facts, human, newest, known.retracted or said.retracted)
    if deed == known and said.corrects in log:
        return False
    log[said.corrects] = deed
    return True


def union(logs: Iterable[Mapping[str, Deed]]) -> list[Deed]:
    """The events of a lead with all that were merged into it, the newest first; each once, as the newest correction has it."""
    found: Log = {}
    for log in logs:
        for event_id, deed in log.items():
            other = found.get(event_id)
            found[event_id] = deed if other is None or deed.corrected_ms > other.corrected_ms else other
    return _bounded(found.values())


def kept(log: Log, now_ms: int) -> Log:
    """The log within its bounds, without what is older than anything that may count."""
    least = now_ms - KEPT_DAYS * DAY_MS
    return {deed.event_id: deed for deed in _bounded(log.values()) if deed.at_ms >= least}


def last_human_ms(deeds: Iterable[Deed]) -> int | None:
    """When the person did something last."""
    return max((deed.at_ms for deed in deeds if deed.counts), default=None)


def ms_of(instant: datetime) -> int:
    """Milliseconds since 1970."""
    return (instant - _EPOCH) // _MS


def instant_of(ms: int) -> datetime:
    """The instant so many milliseconds after 1970."""
    return _EPOCH + ms * _MS


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)


def _bounded(deeds: Iterable[Deed]) -> list[Deed]:
    left = {True: MOST_HUMAN, False: MOST_OTHERS}
    kept = []
    for deed in _in_order(deeds):
        if left[deed.counts]:
            left[deed.counts] -= 1
            kept.append(deed)
    return kept


def _in_order(deeds: Iterable[Deed]) -> list[Deed]:
    return sorted(deeds, key=lambda deed: (deed.at_ms, deed.event_id), reverse=True)
