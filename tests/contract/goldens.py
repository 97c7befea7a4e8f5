"""The golden files: records of released versions, and the frozen schemas."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from shared.contracts.catalog import CONTRACTS, RESERVED
from tests.contract.compatibility import Shape, shape_of

FOLDER: Final = Path(__file__).with_name("golden")
SCHEMAS: Final = FOLDER / "schemas.v1.json"
SUMS: Final = FOLDER / "SHA256SUMS"


@dataclass(frozen=True)
class Golden:
    """One record: where it was published, its key, headers and value."""

    path: Path
    topic: str
    key: str
    headers: dict[str, str]
    value: dict[str, Any]

    @property
    def event_type(self) -> str:
        return self.path.parent.name

    @property
    def name(self) -> str:
        return f"{self.event_type}/{self.path.stem}"


def read_golden(path: Path) -> Golden:
    """One file as a record."""
    return Golden(path, **json.loads(path.read_text(encoding="utf-8")))


def all_goldens() -> list[Golden]:
    """Every golden record, by type and case."""
    return [read_golden(path) for path in sorted(FOLDER.glob("*/*.json"))]


def frozen_shapes() -> dict[str, Shape]:
    """The schemas of the released version."""
    if not SCHEMAS.exists():
        return {}
    loaded: dict[str, Shape] = json.loads(SCHEMAS.read_text(encoding="utf-8"))
    return loaded


def shapes_today() -> dict[str, Shape]:
    """The schemas of today's models, without types that nobody publishes yet."""
    return {kind: shape_of(model) for kind, model in sorted(CONTRACTS.items()) if kind not in RESERVED}


def checksums() -> dict[str, str]:
    """What each golden file's digest was when it was added."""
    if not SUMS.exists():
        return {}
    lines = (line.split("  ", 1) for line in SUMS.read_text().splitlines())
    return {name: digest for digest, name in lines}


def digest_of(path: Path) -> str:
    """SHA-256 of a file, hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
