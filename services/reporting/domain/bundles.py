"""Events of a batch in one piece: their values as they came, compressed together, and what is known of each.

Events of a topic are much alike: a few hundred of them together take a twentieth of their room, and one row.
"""

from collections.abc import Callable, Container, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

import cramjam
import orjson

from services.reporting.domain.extract import UNREADABLE, place_of, read_event, without_nul
from services.reporting.domain.leads import StoredEvent
from services.reporting.domain.ledger import Place
from services.reporting.domain.personal import without_words
from services.reporting.domain.rows import Kept

_LEVEL: Final = 1
BUNDLE_BYTES: Final = 768 * 1024
"""About what a bundle holds, uncompressed: one has to be taken apart whole to read one event."""


class Entry(NamedTuple):
    """An event of a bundle. `at` is in microseconds since 1970. `raw`: the value is as it came; else it is the facts
    alone, because what was personal was taken out."""

    event_id: str
    type: str
    topic: str
    partition: int
    offset: int
    at: int
    source: str | None
    lead_id: str
    raw: bool
    value: bytes


def split(kept: Sequence[Kept]) -> list[list[Kept]]:
    """Into bundles. All events of a lead are in the same one, so that one number leads to them."""
    count = sum([len(k.value) for k in kept]) // BUNDLE_BYTES + 1
    if count == 1:
        return [list(kept)] if kept else []
    bundles: list[list[Kept]] = [[] for _ in range(count)]
    for item in kept:
        bundles[hash(item.lead_id) % count].append(item)
    return [bundle for bundle in bundles if bundle]


def entries_of(kept: Sequence[Kept]) -> list[Entry]:
    """Events as they go into a bundle."""
    return [Entry(*k[:8], True, k.value) for k in kept]


def pack(entries: Sequence[Entry]) -> bytes:
    """A bundle's bytes."""
    *columns, values = zip(*entries, strict=True)
    return _packed(columns, values)


class Columns(NamedTuple):
    """A bundle of events as they come: its bytes, and what of each is stored beside them."""

    body: bytes
    lead_ids: Sequence[str]
    stages: Sequence[int]
    at_us: Sequence[int]
    sources: Sequence[str | None]


def pack_kept(kept: Sequence[Kept]) -> Columns:
    """Events as they come, column by column."""
    event_ids, types, topics, partitions, offsets, at, sources, lead_ids, values, _, stages, _ = zip(*kept, strict=True)
    raw = [True] * len(kept)
    body = _packed([event_ids, types, topics, partitions, offsets, at, sources, lead_ids, raw], values)
    return Columns(body, lead_ids, stages, at, sources)


def _packed(columns: Sequence[Sequence[object]], values: Sequence[bytes]) -> bytes:
    """Columns of what is known of each event, a line end, and the values."""
    head = orjson.dumps([*columns, list(map(len, values))])
    return bytes(cramjam.zstd.compress(b"%b\n%b" % (head, b"".join(values)), _LEVEL))


def unpack(body: bytes, wanted: Container[str] | None = None) -> list[Entry]:
    """The events of a bundle, or those of the wanted leads."""
    head, _, values = bytes(cramjam.zstd.decompress(body)).partition(b"\n")
    *columns, lengths = orjson.loads(head)
    found, start = [], 0
    for *known, length in zip(*columns, lengths, strict=True):
        if wanted is None or known[7] in wanted:
            found.append(Entry._make((*known, values[start : start + length])))
        start += length
    return found


def forget(entries: Sequence[Entry], lead_ids: Container[str]) -> list[Entry]:
    """The same events, of these leads the facts alone."""
    return [_facts_alone(e) if e.raw and e.lead_id in lead_ids else e for e in entries]


def places_of(entries: Sequence[Entry], lead_ids: Container[str]) -> set[Place]:
    """Where the submissions of these leads stand in the inbound topics, as far as their events are as they came."""
    wanted = [e for e in entries if e.raw and e.lead_id in lead_ids and e.type == "lead.captured"]
    found: set[Place] = set()
    for entry in wanted:
        with suppress(*UNREADABLE):
            found.add(place_of(orjson.loads(entry.value)["origin"]["inbound"]))
    return found


def _facts_alone(found: Entry) -> Entry:
    return found._replace(raw=False, value=orjson.dumps(without_words(_parts(found)[0])))


def read(found: Entry, at: Callable[[int], str]) -> StoredEvent:
    """An event as it is shown; one whose value cannot be read shows that it happened. `at` writes its instant."""
    facts, personal = _parts(found)
    place = {"topic": found.topic, "partition": found.partition, "offset": found.offset}
    return StoredEvent(found.event_id, found.type, found.lead_id, at(found.at), found.source, facts, personal, place)


def _parts(found: Entry) -> tuple[dict[str, object], dict[str, object]]:
    try:
        data = orjson.loads(found.value)
        if b"\\u0000" in found.value:
            data = without_nul(data)
        if not found.raw:
            return data, {}
        extract = read_event(found.type, data)
    except UNREADABLE:
        return {}, {}
    return extract.facts, extract.personal or {}
