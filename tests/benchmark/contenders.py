"""The variants of the hop benchmark: what each is called, what it promises, how its process is started."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from tests.benchmark.environments import NotAvailable, interpreter
from tests.benchmark.variants.chassis import STORED_VARIABLE
from tests.benchmark.variants.quix import DOCUMENTED_VARIABLE

FULL: Final = "exactly once, key and order kept"
QUIX: Final = "Quix Streams, exactly once"
FLOOR: Final = "bytes forwarded"
_PACKAGE: Final = "tests.benchmark.variants"
_AT_LEAST_ONCE: Final = "at least once, key and order kept"


@dataclass(frozen=True, slots=True)
class Contender:
    """One variant. `ours` must also keep keys and partitions. `batch`: records a hand-over at most, None the default.

    `in_background`: it produces and commits after the hand-over, on threads of its own. `forwards`: its output is its
    input, unread. `slow`: measured with fewer messages.
    """

    name: str
    module: str
    promise: str
    batch: int | None
    ours: bool = False
    in_background: bool = False
    forwards: bool = False
    slow: bool = False
    env: Mapping[str, str] = field(default_factory=dict)
    python: Path = Path(sys.executable)


def _chassis(batch: int | None, *, stored: bool) -> Contender:
    name = f"chassis, {'decisions and a table' if stored else 'no table of its own'}, batch {batch or 'auto'}"
    promise = f"{FULL}{', decisions stored' if stored else ''}"
    env = {STORED_VARIABLE: "1" if stored else "0"}
    return Contender(name, f"{_PACKAGE}.chassis", promise, batch, True, slow=batch == 1, env=env)


def _thin(batch: int | None) -> Contender:
    name = f"chassis, thin read model, batch {batch or 'auto'}"
    return Contender(name, f"{_PACKAGE}.chassis_thin", FULL, batch, True)


def _ours_and_faststream() -> list[Contender]:
    return [
        *(_chassis(batch, stored=False) for batch in (1, 100, 500, 2000, None)),
        *(_chassis(batch, stored=True) for batch in (500, 2000, None)),
        *(_thin(batch) for batch in (500, 2000, None)),
        Contender(
            "FastStream, a message at a time", f"{_PACKAGE}.faststream_each", "auto-commit: may lose and repeat", 1
        ),
        Contender(
            "FastStream, batch 500", f"{_PACKAGE}.faststream_batch", "auto-commit: may lose and repeat, keys lost", 500
        ),
        *(
            Contender(f"aiokafka alone, batch {batch}", f"{_PACKAGE}.raw_aiokafka", _AT_LEAST_ONCE, batch)
            for batch in (500, 2000)
        ),
        Contender(
            f"{FLOOR}, aiokafka, batch 2000", f"{_PACKAGE}.forward_aiokafka", _AT_LEAST_ONCE, 2000, forwards=True
        ),
    ]


_PEERS: Final = (
    Contender(QUIX, f"{_PACKAGE}.quix", "exactly once, key kept", 1, in_background=True),
    Contender(
        "Quix Streams as documented (JSON), exactly once",
        f"{_PACKAGE}.quix",
        "exactly once, key kept",
        1,
        in_background=True,
        env={DOCUMENTED_VARIABLE: "1"},
    ),
    Contender(
        f"{FLOOR}, confluent-kafka, batch 2000",
        f"{_PACKAGE}.forward_confluent",
        _AT_LEAST_ONCE,
        2000,
        in_background=True,
        forwards=True,
    ),
)


def contenders(only: str = "") -> tuple[list[Contender], list[str]]:
    """The variants whose name contains `only` and that can run here, and a line for each that cannot."""
    found = [contender for contender in _ours_and_faststream() if only in contender.name]
    peers = [peer for peer in _PEERS if only in peer.name]
    if not peers:
        return found, []
    try:
        python = interpreter("bench")
    except NotAvailable as reason:
        return found, [f"{peer.name} is left out: {reason}" for peer in peers]
    return [*found, *(replace(peer, python=python) for peer in peers)], []
