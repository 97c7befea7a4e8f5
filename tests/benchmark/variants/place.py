"""Where a variant reads and writes, from its environment."""

import os
from dataclasses import dataclass
from typing import Final

from shared.contracts.topics import CAPTURED, SCORED

GROUP_VARIABLE: Final = "LEADSTREAM_BENCH_GROUP"


@dataclass(frozen=True, slots=True)
class Place:
    """Bootstrap, input, output, group, and how many records a batch has at most."""

    bootstrap: str
    source: str
    target: str
    group: str
    max_records: int

    @classmethod
    def from_environment(cls) -> "Place":
        prefix = os.environ.get("LEADSTREAM_TOPIC_PREFIX", "")
        return cls(
            os.environ["LEADSTREAM_KAFKA_BOOTSTRAP"],
            prefix + CAPTURED,
            prefix + SCORED,
            prefix + os.environ[GROUP_VARIABLE],
            int(os.environ.get("LEADSTREAM_MAX_RECORDS", "500")),
        )
