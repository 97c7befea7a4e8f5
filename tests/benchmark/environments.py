"""Python environments apart from the product's, of the benchmark's peers and of browsers: made once from hashed lock files."""

import hashlib
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from tests.support.process import ROOT

_FOLDER: Final = ROOT / ".leadstream" / "environments"
_LOCKS: Final = Path(__file__).parent
_READY: Final = ".ready"
_PATIENCE_S: Final = 600


class NotAvailable(Exception):
    """What cannot be measured here, and how it could be."""


def interpreter(name: str, locks: Path = _LOCKS) -> Path:
    """The Python of the environment that `requirements-<name>.lock` of a folder describes, made if it is not there yet.

    Raises NotAvailable when the packages cannot be had.
    """
    lock = locks / f"requirements-{name}.lock"
    folder = _FOLDER / f"{name}-{_digest(lock)}"
    python = folder / "bin" / "python"
    if not (folder / _READY).exists():
        print(f"making the environment `{name}` from {lock.name}", flush=True)
        _run([sys.executable, "-m", "venv", "--clear", str(folder)], lock)
        _install(python, lock)
        (folder / _READY).touch()
    return python


def is_made(name: str, locks: Path = _LOCKS) -> bool:
    """Whether that environment is there already."""
    lock = locks / f"requirements-{name}.lock"
    return (_FOLDER / f"{name}-{_digest(lock)}" / _READY).exists()


def _digest(lock: Path) -> str:
    return hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()[:12]


def _install(python: Path, lock: Path) -> None:
    if find_spec("uv"):
        command = [sys.executable, "-m", "uv", "--quiet", "pip", "install", "--python", str(python)]
    else:
        command = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    _run([*command, "--require-hashes", "-r", str(lock)], lock)


def _run(command: list[str], lock: Path) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=_PATIENCE_S)
    except (OSError, subprocess.SubprocessError) as error:
        raise NotAvailable(f"the packages of tests/benchmark/{lock.name} could not be installed") from error
