"""Apache Kafka's jars: exactly those of `jgo.lock.toml`, each checked against its SHA-256, fetched by `jgo` from the Maven registry.

`python -m deploy.local.jars` fetches them; `python -m deploy.local.jars lock` makes the lock file anew after a change of `jgo.toml`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.local.errors import MissingPart

# The command line is imported where the local stack is not installed (a container): jgo is looked for when it is used.
if TYPE_CHECKING:
    from jgo.env import LockedDependency
    from jgo.maven import Artifact, MavenContext

SPEC = Path(__file__).with_name("jgo.toml")
LOCK = Path(__file__).with_name("jgo.lock.toml")
_FETCHERS = 6
_COMPLETE = ".complete"


def kafka_version(lock: Path = LOCK) -> str:
    """The version of Apache Kafka that is locked. Raises MissingPart when `jgo` is not installed."""
    return next(str(row.version) for row in _locked(lock) if row.artifactId.startswith("kafka_"))


def kafka_jars(home_data: Path, report: Callable[[str], None] = lambda line: None) -> Path:
    """The folder with the locked jars, filled when it is not. Raises MissingPart when one cannot be fetched or is not what was locked."""
    name = f"kafka-{kafka_version()}-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}"
    for shelf in _shelves(home_data):
        if (shelf / name / _COMPLETE).exists():
            return shelf / name
    shelf = next(shelf for shelf in _shelves(home_data) if _writable(shelf))
    report("fetching Apache Kafka's jars (44 MB the first time)")
    _fill(shelf / name)
    return shelf / name


def _shelves(home_data: Path) -> list[Path]:
    """Beside the interpreter's packages, so that all homes share them; in the home where that cannot be written."""
    return [Path(sys.prefix) / "share" / "leadstream", home_data / "servers"]


def _writable(shelf: Path) -> bool:
    try:
        shelf.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(shelf, os.W_OK)


def _fill(folder: Path) -> None:
    """Build the folder beside its place and move it there when whole; a second process doing the same does no harm."""
    maven = _maven()
    rows = _locked(LOCK)
    with tempfile.TemporaryDirectory(prefix=".kafka-", dir=folder.parent) as building:
        with ThreadPoolExecutor(_FETCHERS) as fetchers:
            list(fetchers.map(lambda row: _place(maven, row, Path(building)), rows))
        (Path(building) / _COMPLETE).touch()
        Path(building).chmod(0o755)
        with contextlib.suppress(OSError):
            os.rename(building, folder)
        if not (folder / _COMPLETE).exists():
            raise MissingPart(
                "kafka",
                f"could not move its jars to {folder}",
                advice=f"remove {folder} and try again",
            )
        Path(building).mkdir(exist_ok=True)


def _locked(lock: Path) -> list[LockedDependency]:
    try:
        from jgo.env import LockFile
    except ImportError as error:
        raise MissingPart("kafka", "what fetches its jars (jgo) is not installed", advice="make setup") from error
    return list(LockFile.load(lock).dependencies)


def _place(maven: MavenContext, row: LockedDependency, folder: Path) -> None:
    name = f"{row.groupId}:{row.artifactId}:{row.version}"
    item = maven.project(row.groupId, row.artifactId).at_version(row.version).artifact(classifier=row.classifier or "")
    for last in (False, True):
        found = _fetch(item, name)
        if hashlib.sha256(found.read_bytes()).hexdigest() == row.sha256:
            shutil.copyfile(found, folder / found.name)
            return
        if not last:
            # An interrupted download leaves half a file in the cache, which is then taken for whole.
            found.unlink()
    raise MissingPart("kafka", f"{name} is not the file that was locked", advice="do not use it; check the mirror")


def _fetch(item: Artifact, name: str) -> Path:
    try:
        return Path(item.resolve())
    except (RuntimeError, OSError) as error:  # what its HTTP client raises is an OSError
        raise MissingPart(
            "kafka",
            f"cannot fetch {name} ({type(error).__name__})",
            advice="check that the Maven registry is reachable; a mirror is set in jgo's own settings file",
        ) from error


def _maven() -> MavenContext:
    from jgo.config import GlobalSettings
    from jgo.constants import MAVEN_CENTRAL_URL
    from jgo.maven import MavenContext

    settings = GlobalSettings.load()
    repositories = {"central": MAVEN_CENTRAL_URL, **settings.repositories}
    return MavenContext(repo_cache=settings.repo_cache, remote_repos=repositories, timeout=60)


def make_lock() -> None:
    """Resolve `jgo.toml` anew and write the lock file."""
    from jgo.env import EnvironmentBuilder, EnvironmentSpec

    with contextlib.chdir(SPEC.parent), tempfile.TemporaryDirectory() as cache:
        builder = EnvironmentBuilder(context=_maven(), cache_dir=Path(cache))
        builder.resolve_lockfile(EnvironmentSpec.load(SPEC)).save(LOCK)


if __name__ == "__main__":
    if sys.argv[1:] == ["lock"]:
        make_lock()
    else:
        print(kafka_jars(Path(sys.prefix) / "share", print))
