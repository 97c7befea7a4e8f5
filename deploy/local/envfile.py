"""`.leadstream/env`: where the stack's servers and services are, one `KEY=VALUE` a line."""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from deploy.local.home import write_atomically

KAFKA = "LEADSTREAM_KAFKA_BOOTSTRAP"
POSTGRES = "LEADSTREAM_POSTGRES_DSN"
REDIS = "LEADSTREAM_REDIS_URL"
SOURCE_KEY = "LEADSTREAM_SOURCE_KEY"
ADMIN_KEY = "LEADSTREAM_ADMIN_KEY"
SECRET = "LEADSTREAM_SECRET"  # noqa: S105 - the name of a variable


def url_variable(service: str) -> str:
    """The name under which a service's address is published: `LEADSTREAM_CAPTURE_URL`."""
    return f"LEADSTREAM_{service.upper()}_URL"


def read_env(path: Path) -> dict[str, str]:
    """What the file says; empty when there is none. Blank lines and `#` lines are skipped; a value may hold `=`."""
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        return {}
    pairs = (line.partition("=") for line in lines if "=" in line and not line.lstrip().startswith("#"))
    return {key.strip(): value for key, _, value in pairs}


def write_env(path: Path, values: Mapping[str, str]) -> None:
    """Replace the file in one step, readable by its owner alone. Raises ValueError for a value with a line break."""
    for key, value in values.items():
        if "\n" in value or "\r" in value or not key.isidentifier():
            raise ValueError(f"{key!r} cannot be written as one KEY=VALUE line")
    write_atomically(path, "".join(f"{key}={value}\n" for key, value in values.items()))


def update_env(path: Path, values: Mapping[str, str]) -> dict[str, str]:
    """Add or replace some values, keep the others; answers the whole."""
    merged = {**read_env(path), **values}
    write_env(path, merged)
    return merged


def load_env(path: Path, environ: MutableMapping[str, str] | None = None) -> None:
    """Put the file's values into the environment where they are not set: the environment wins."""
    target = os.environ if environ is None else environ
    for key, value in read_env(path).items():
        target.setdefault(key, value)
