"""The floor under aiokafka: bytes taken and handed on unread, key and partition kept, committed a batch at a time."""

from typing import Any

import uvloop

from tests.benchmark.variants import raw_aiokafka


def unread(record: Any) -> bytes:
    """The record's value as it came."""
    return record.value  # type: ignore[no-any-return]


if __name__ == "__main__":
    uvloop.run(raw_aiokafka.main(unread))
