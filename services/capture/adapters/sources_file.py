"""The file of sources on disk: read at the start, and again whenever it changes; the last good one is kept."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import structlog

from services.capture.sources.configured import NO_SOURCES, Secret, Sources, load_sources
from shared.observability.metrics import SOURCES_FILE_BROKEN
from shared.rules import RuleFileError
from shared.runtime.background import beside

log = structlog.get_logger(__name__)

_LOOK_S: Final = 1.0


class SourcesFile:
    """The sources as they are configured now. `usable` is False until a first file was good."""

    def __init__(self, path: Path | None, environ: Mapping[str, str] = os.environ) -> None:
        self.current: Sources = NO_SOURCES
        self.usable = path is None
        self._path = path
        self._environ = environ
        self._secret_files: set[Path] = set()
        self._seen: tuple[object, ...] = ()

    def refresh(self) -> bool:
        """Read the file if it or a file of a secret has changed. True when it was good, or nothing changed."""
        if self._path is None:
            return True
        now = self._signs()
        if now == self._seen:
            return True
        self._seen = now
        try:
            self.current = read_sources(self._path, self._environ, self._secret_files)
        except (RuleFileError, OSError) as error:
            self._refuse(error)
            return False
        self._seen = self._signs()  # with the files of its secrets
        self.usable = True
        SOURCES_FILE_BROKEN.set(0)
        log.info("sources_loaded", version=self.current.version, sources=len(self.current.by_name))
        return True

    def _refuse(self, error: RuleFileError | OSError) -> None:
        SOURCES_FILE_BROKEN.set(1)
        problems = [str(problem) for problem in error.problems] if isinstance(error, RuleFileError) else [str(error)]
        log.error("sources_refused", problems=problems[:20], kept=self.current.version)

    def _signs(self) -> tuple[object, ...]:
        assert self._path is not None
        return tuple(_sign(path) for path in (self._path, *sorted(self._secret_files)))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keeps looking."""
        async with beside(sources=self._look()):
            yield

    async def _look(self) -> None:
        while True:
            await asyncio.to_thread(self.refresh)
            await asyncio.sleep(_LOOK_S)


def _sign(path: Path) -> object:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def read_sources(path: Path, environ: Mapping[str, str], secret_files: set[Path]) -> Sources:
    """The sources of a file; notes the files that its secrets are in. Raises RuleFileError, OSError."""

    def resolve(secret: Secret) -> str | None:
        if secret.env is not None:
            return environ.get(secret.env)
        named = path.parent / (secret.file or "")
        secret_files.add(named)
        with suppress(OSError, UnicodeError):
            return named.read_text().strip()
        return None

    return load_sources(path.read_bytes(), resolve, file=str(path))
