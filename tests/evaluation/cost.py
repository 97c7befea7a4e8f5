"""What identity costs a lead: processor time of the domain's part, at a batch of 500, in memory."""

import itertools
import time
from collections.abc import Sequence
from statistics import median
from typing import Any, NamedTuple

import orjson

from services.capture.domain.blocking import block_keys
from services.capture.domain.identity import identity_keys, tagged_addresses
from services.capture.domain.people import People, Submitted, stamp_of_record, submission_facts, submitted
from services.capture.domain.reading import Reading, read_value
from shared.contracts import ids

_SOURCE = "evaluation"


class Cost(NamedTuple):
    """Microseconds of CPU a lead: its keys, its blocks, its placing as new, and as known by its e-mail address."""

    keys: float
    blocks: float
    placing_new: float
    placing_known: float


def measure(leads: Sequence[dict[str, Any]], *, rounds: int = 9) -> Cost:
    """The medians of some rounds over one batch."""
    readings = [read_value(orjson.dumps(lead), "") for lead in leads]
    clean = [reading.clean for reading in readings if isinstance(reading, Reading)]
    found: list[Cost] = []
    for _ in range(rounds):
        first, second = _submitted(readings, 0), _submitted(readings, len(readings))
        people = People()
        times = [time.process_time()]
        for each in clean:
            identity_keys(each, source_name=_SOURCE)
            tagged_addresses(each.emails)
        times.append(time.process_time())
        for each in clean:
            block_keys(each.facts)
        times.append(time.process_time())
        for submission in first:
            people.place(submission)
        times.append(time.process_time())
        for submission in second:
            people.place(submission)
        times.append(time.process_time())
        found.append(Cost(*((b - a) / len(clean) * 1e6 for a, b in itertools.pairwise(times))))
    return Cost(*(median(values) for values in zip(*found, strict=True)))


def _submitted(readings: Sequence[object], first: int) -> list[Submitted]:
    found: list[Submitted] = []
    for n, reading in enumerate(readings, start=first):
        if isinstance(reading, Reading):
            event_id = ids.root_event_id(_SOURCE, str(n))
            facts = submission_facts(
                reading.clean, stamp_of_record(1000 + n, 0, n, event_id), source=_SOURCE, touched_at=""
            )
            found.append(submitted(reading.clean, facts, event_id, source=_SOURCE))
    return found
