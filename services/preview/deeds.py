"""What leads did, as a preview keeps it: some thirty bytes an event, whatever the order in which events come.

Of an event no more is kept than the rules ask about it, equal ones once. Logs are made of it by the functions of live scoring, as
they were at any instant: what happened later, was corrected later or merged later is not in them.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from struct import Struct
from typing import Any, Final, NamedTuple

import msgspec
import orjson

from services.scoring.domain.behaved import BehavedLead, CorrectedBehaviour
from services.scoring.domain.behaviour import (
    DAY_MS,
    MOST_HUMAN,
    MOST_OTHERS,
    Deed,
    Log,
    note_corrected,
    note_told,
    union,
)

ALWAYS_MS: Final = 2**62
"""Later than anything."""
MOST_KEPT: Final = 2 * (MOST_HUMAN + MOST_OTHERS)
"""So many events of a lead are kept while they are read, and then no more than live scoring keeps."""
_TOLD: Final = Struct("<16sqi?")
_CORRECTED: Final = Struct("<16sqq??")
_MOST_STEPS: Final = 32


def bytes_of(written: str) -> bytes:
    """The sixteen bytes of an id. Raises ValueError for what is none."""
    return bytes.fromhex(written.replace("-", ""))


def compact(written: bytes) -> bytes:
    """The same bytes in no more room than they need: a serialiser leaves its whole buffer to what it gives."""
    return bytes(memoryview(written))


class Correction(NamedTuple):
    """What is kept of a `behaviour.corrected`."""

    corrects: str
    at_ms: int
    corrected_ms: int
    human: bool
    retracted: bool


class Deeds:
    """Events of behaviour by the lead that they were told of. `asked` are, by kind, the facts that rules ask about."""

    def __init__(self, asked: Mapping[str, Set[str]]) -> None:
        self._asked = {kind: sorted(names) for kind, names in asked.items()}
        self._facts: list[dict[str, Any]] = [{}]  # what no rule asks about is a deed all the same
        self._numbers: dict[bytes, int] = {b"{}": 0}
        self._told: dict[bytes, bytearray] = {}
        self._corrected: dict[bytes, bytearray] = {}

    def tell(self, lead_id: bytes, event_id: bytes, value: bytes) -> None:
        """Take a `lead.behaved`. Raises ValueError for what is none."""
        told = BehavedLead.model_validate_json(value)
        notes = self._told.setdefault(lead_id, bytearray())
        notes += _TOLD.pack(event_id, told.at_ms, self._number_of(told.facts), told.human)
        if len(notes) > MOST_KEPT * _TOLD.size:
            self._shorten(lead_id)

    def correct(self, lead_id: bytes, value: bytes) -> None:
        """Take a `behaviour.corrected`. Raises ValueError for what is none."""
        said = CorrectedBehaviour.model_validate_json(value)
        corrects = bytes_of(said.corrects)
        notes = self._corrected.setdefault(lead_id, bytearray())
        notes += _CORRECTED.pack(corrects, said.at_ms, said.corrected_ms, said.human, said.retracted)

    def known_of(self, lead_ids: Iterable[bytes]) -> bool:
        """Whether any of these leads did anything."""
        return any(lead_id in self._told for lead_id in lead_ids)

    def at(self, lead_ids: Iterable[bytes], at_ms: int) -> list[Deed]:
        """What these leads had done by then, as it was seen then, the newest first."""
        return union(self._log(lead_id, at_ms) for lead_id in lead_ids)

    def days(self, lead_ids: Iterable[bytes], after_ms: int) -> list[int]:
        """The last instant of each UTC day on which these leads did something that rules ask about."""
        last: dict[int, int] = defaultdict(int)
        for lead_id in lead_ids:
            for _, at_ms, number, _ in _TOLD.iter_unpack(self._told.get(lead_id, b"")):
                if number and at_ms > after_ms:
                    last[at_ms // DAY_MS] = max(last[at_ms // DAY_MS], at_ms)
        return sorted(last.values())

    def _log(self, lead_id: bytes, at_ms: int) -> Log:
        log: Log = {}
        for event_id, told_ms, number, human in _TOLD.iter_unpack(self._told.get(lead_id, b"")):
            if told_ms <= at_ms:
                note_told(log, event_id.hex(), BehavedLead("", told_ms, self._facts[number], human))
        for corrects, told_ms, corrected_ms, human, retracted in _CORRECTED.iter_unpack(
            self._corrected.get(lead_id, b"")
        ):
            if corrected_ms <= at_ms:
                note_corrected(log, Correction(corrects.hex(), told_ms, corrected_ms, human, retracted))
        return log

    def _number_of(self, facts: Mapping[str, Any]) -> int:
        asked = {name: facts[name] for name in self._asked.get(facts.get("kind", ""), ()) if name in facts}
        written = orjson.dumps(asked)
        number = self._numbers.get(written)
        if number is None:
            number = self._numbers[compact(written)] = len(self._facts)
            self._facts.append(asked)
        return number

    def _shorten(self, lead_id: bytes) -> None:
        kept = {deed.event_id for deed in self.at([lead_id], ALWAYS_MS)}
        notes = {told[0]: told for told in _TOLD.iter_unpack(self._told[lead_id]) if told[0].hex() in kept}
        self._told[lead_id] = bytearray(b"".join(_TOLD.pack(*told) for told in notes.values()))


class _Merge(msgspec.Struct, gc=False):
    winner_id: str
    loser_id: str
    lead_version: int


_read_merge: Final = msgspec.json.Decoder(_Merge).decode


class Families:
    """Leads that were merged into others that are asked about, and since when. A merge that was taken back is none."""

    def __init__(self) -> None:
        self._survivors: dict[bytes, bytes] = {}
        self._merged: dict[bytes, list[bytes]] = {}
        self._merges: dict[bytes, tuple[int, int, bytes]] = {}

    def join(self, pairs: bytes) -> None:
        """Pairs of ids: the lead that was merged away, and the one that it is now."""
        for start in range(0, len(pairs), 32):
            loser, survivor = pairs[start : start + 16], pairs[start + 16 : start + 32]
            if loser not in self._survivors:
                self._survivors[loser] = survivor
                self._merged.setdefault(survivor, []).append(loser)

    def __contains__(self, lead_id: bytes) -> bool:
        return lead_id in self._survivors

    def note_merge(self, value: bytes, at_ms: int) -> None:
        """Take a `lead.merged`. Raises msgspec.DecodeError or ValueError for what is none."""
        said = _read_merge(value)
        loser = bytes_of(said.loser_id)
        if said.lead_version > self._merges.get(loser, (-1,))[0]:
            self._merges[loser] = said.lead_version, at_ms, bytes_of(said.winner_id)

    def at(self, lead_id: bytes, at_ms: int) -> Sequence[bytes]:
        """A lead with those that had been merged into it by then."""
        return [lead_id, *(each for each in self._merged.get(lead_id, ()) if self._since(each) <= at_ms)]

    def _since(self, lead_id: bytes) -> int:
        """When it became the lead that it is now. Of a merge that nothing is told of: always."""
        since, survivor = 0, self._survivors[lead_id]
        for _ in range(_MOST_STEPS):
            merge = self._merges.get(lead_id)
            if merge is None or lead_id == survivor:
                break
            since, lead_id = max(since, merge[1]), merge[2]
        return since
