"""The version that logs, dead letters and `--version` show."""

from importlib import metadata
from typing import Final


def _version() -> str:
    try:
        return metadata.version("leadstream")
    except metadata.PackageNotFoundError:
        return "0.1.0"


VERSION: Final = _version()
