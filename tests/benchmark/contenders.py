"""The variants of the hop benchmark: what each is called, what it promises, how its process is started."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec

from tests.benchmark.variants.chassis import STORED_VARIABLE

FULL = "exactly once, key and order kept"
_PACKAGE = "tests.benchmark.variants"


@dataclass(frozen=True, slots=True)
class Contender:
    """One variant. `ours` must also keep keys and partitions. `batch`: records a hand-over at most.

    `in_background`: it produces and commits after the hand-over, on threads of its own.
    """

    name: str
    module: str
    promise: str
    batch: int
    ours: bool = False
    in_background: bool = False
    env: Mapping[str, str] = field(default_factory=dict)


def _chassis(batch: int, *, stored: bool) -> Contender:
    name = f"chassis, {'decisions and a table' if stored else 'no table of its own'}, batch {batch}"
    promise = f"{FULL}{', decisions stored' if stored else ''}"
    return Contender(name, f"{_PACKAGE}.chassis", promise, batch, True, env={STORED_VARIABLE: "1" if stored else "0"})


def contenders() -> tuple[list[Contender], list[str]]:
    """The variants that can run here, and a line for each that cannot."""
    found = [
        *(_chassis(batch, stored=False) for batch in (100, 500, 2000)),
        *(_chassis(batch, stored=True) for batch in (500, 2000)),
        Contender(
            "FastStream, a message at a time", f"{_PACKAGE}.faststream_each", "auto-commit: may lose and repeat", 1
        ),
        Contender(
            "FastStream, batch 500", f"{_PACKAGE}.faststream_batch", "auto-commit: may lose and repeat, keys lost", 500
        ),
        Contender("aiokafka alone, batch 500", f"{_PACKAGE}.raw_aiokafka", "at least once, key and order kept", 500),
        Contender("aiokafka alone, batch 2000", f"{_PACKAGE}.raw_aiokafka", "at least once, key and order kept", 2000),
    ]
    if find_spec("quixstreams"):
        found.append(Contender("Quix Streams", f"{_PACKAGE}.quix", "exactly once, key kept", 1, in_background=True))
        return found, []
    return found, ["Quix Streams is left out: it is not installed (`pip install -e .[bench]`)"]
