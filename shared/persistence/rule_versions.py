"""Versions of rules: immutable rows, an active pointer, and a cache of the compiled copy by content hash."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Generic, TypeAlias, TypeVar

import structlog

from shared.handling.work import Work
from shared.observability.metrics import RULES_RELOAD_FAILED
from shared.rules import LoadedRules, RuleFileError

log = structlog.get_logger(__name__)

Compiled = TypeVar("Compiled")
Load: TypeAlias = Callable[[str, str], LoadedRules[Any]]
"""Checks a document, given with the file name that problems are told with. Raises RuleFileError."""


class NoActiveRules(RuntimeError):
    """No version is active: `leadstream migrate` seeds the defaults. Records wait for it."""


class UnusableRules(RuntimeError):
    """The active version was published by another release, whose documents this one does not read. Records wait."""


@dataclass(frozen=True, slots=True)
class RuleVersion:
    """A published version, as stored."""

    kind: str
    version: int
    name: str
    content_hash: str
    document: str


@dataclass(frozen=True, slots=True)
class PublishedVersion(RuleVersion):
    """A published version with who published it, why and when."""

    author: str
    reason: str
    published_at: datetime


@dataclass(frozen=True, slots=True)
class NewRules:
    """What is to be published; the version number is given by the database."""

    kind: str
    name: str
    content_hash: str
    document: str
    author: str
    reason: str


_ACTIVE: Final = """
    SELECT r.kind, r.version, r.name, r.content_hash, r.document
    FROM active_rules a JOIN rule_versions r USING (kind, version) WHERE a.kind = $1
"""
_VERSION: Final = """
    SELECT kind, version, name, content_hash, document, author, reason, published_at
    FROM rule_versions WHERE kind = $1 AND version = $2
"""
_SUMMARY: Final = (
    "r.version, r.name, r.content_hash, r.author, r.reason, r.published_at, a.version IS NOT NULL AS active"
)
_OF_A_KIND: Final = """
    FROM rule_versions r LEFT JOIN active_rules a USING (kind, version) WHERE r.kind = $1
"""
_NEWEST: Final = "ORDER BY r.version DESC LIMIT 500"
_SUMMARIES: Final = f"SELECT {_SUMMARY} {_OF_A_KIND} {_NEWEST}"
_HISTORY: Final = f"SELECT {_SUMMARY}, r.document {_OF_A_KIND} {_NEWEST}"
_ONE: Final = f"""
    SELECT {_SUMMARY}, r.document {_OF_A_KIND} AND ($2::int IS NULL AND a.version IS NOT NULL OR r.version = $2)
"""
_POINTER: Final = """
    SELECT r.version, r.content_hash FROM active_rules a JOIN rule_versions r USING (kind, version) WHERE a.kind = $1
"""


class ActiveRules(Generic[Compiled]):
    """The compiled copy of the active version of one kind.

    Read in every batch's transaction: one primary-key look-up, and a compilation only when the version changed. So a
    change needs no restart, and a batch has one version.
    """

    def __init__(self, kind: str, compile_version: Callable[[RuleVersion], Compiled]) -> None:
        self._kind = kind
        self._compile = compile_version
        # By number and hash: a number that was read in a transaction rolled back may be given to another document.
        self._held: tuple[tuple[int, str], Compiled] | None = None

    async def read(self, work: Work) -> Compiled:
        """The compiled active version. Raises NoActiveRules when none was ever published, UnusableRules when the active
        one cannot be compiled; both are transient, so that no record is given up for them."""
        if self._held is not None:
            rows = await work.fetch(_POINTER, self._kind)
            if rows and (rows[0]["version"], rows[0]["content_hash"]) == self._held[0]:
                return self._held[1]
        rows = await work.fetch(_ACTIVE, self._kind)
        if not rows:
            raise NoActiveRules(self._kind)
        version = RuleVersion(**dict(rows[0]))
        try:
            compiled = self._compile(version)
        except RuleFileError as error:
            note_reload_failed(self._kind, "unusable", error)
            raise UnusableRules(f"{version.kind} version {version.version}") from error
        self._held = ((version.version, version.content_hash), compiled)
        return compiled


def note_reload_failed(kind: str, reason: str, error: RuleFileError) -> None:
    """Say that a document was refused, or cannot be applied: metric and log line, with the first problem's place."""
    RULES_RELOAD_FAILED.labels(kind=kind, reason=reason).inc()
    log.warning(
        "rules_reload_failed", kind=kind, reason=reason, problems=len(error.problems), first=str(error.problems[0])
    )


async def publish_version(work: Work, rules: NewRules) -> int:
    """Store a version and make it the active one; the same content as the active one keeps its number."""
    await work.execute("SELECT pg_advisory_xact_lock(hashtext($1))", f"rules/{rules.kind}")
    active = await work.fetch(_ACTIVE, rules.kind)
    if active and active[0]["content_hash"] == rules.content_hash:
        return int(active[0]["version"])
    rows = await work.fetch(
        "SELECT coalesce(max(version), 0) + 1 AS next FROM rule_versions WHERE kind = $1", rules.kind
    )
    version = int(rows[0]["next"])
    await work.execute(
        "INSERT INTO rule_versions VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        rules.kind, version, rules.name, rules.content_hash, rules.document, rules.author, rules.reason, work.now,
    )  # fmt: skip
    await work.execute(
        "INSERT INTO active_rules VALUES ($1, $2) ON CONFLICT (kind) DO UPDATE SET version = excluded.version",
        rules.kind,
        version,
    )
    return version


async def publish_default(work: Work, kind: str, file: Path, load: Load) -> None:
    """Publish the document that the service ships where no version is active; an active one stays as it is."""
    if not await work.fetch(_POINTER, kind):
        await publish_version(work, _default(kind, file, load))


def _default(kind: str, file: Path, load: Load) -> NewRules:
    document = file.read_text(encoding="utf-8")
    loaded = load(document, file.name)
    return NewRules(kind, loaded.model.name, loaded.content_hash, document, "leadstream", f"the default {kind} rules")


async def read_version(work: Work, kind: str, version: int) -> PublishedVersion:
    """A version that was published."""
    rows = await work.fetch(_VERSION, kind, version)
    return PublishedVersion(**dict(rows[0]))


async def read_history(work: Work, kind: str) -> list[dict[str, Any]]:
    """The newest 500 versions of a kind, newest first; `active` marks the one that is applied."""
    return [dict(row) for row in await work.fetch(_HISTORY, kind)]


async def read_summaries(work: Work, kind: str) -> list[dict[str, Any]]:
    """The same as `read_history`, without the documents."""
    return [dict(row) for row in await work.fetch(_SUMMARIES, kind)]


async def find_version(work: Work, kind: str, version: int | None) -> dict[str, Any] | None:
    """A version with its document, as `read_history` has it; None for a number that was never given. No number: the
    active one."""
    rows = await work.fetch(_ONE, kind, version)
    return dict(rows[0]) if rows else None
