"""Sources for tests: files of sources from text, requests as providers send them."""

from collections.abc import Mapping
from datetime import UTC, datetime

from services.capture.sources.configured import ConfiguredSource, Sources, load_sources
from services.capture.sources.protocol import Asked

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SECRETS = {"KEY": "the-current-key", "OLD_KEY": "the-former-key"}


def sources_of(text: str) -> Sources:
    """The sources of a file's text; its secrets are those of this module."""
    return load_sources(text.encode(), lambda secret: SECRETS.get(secret.env or ""), file="sources.yaml")


def source_of(entry: str, mappings: str = "") -> ConfiguredSource:
    """One source, of the lines of its entry."""
    lines = [*entry.strip().splitlines()]
    text = "kind: sources\n" + mappings + "sources:\n  test:\n" + "".join(f"    {line}\n" for line in lines)
    return sources_of(text).by_name["test"]


def asked(
    body: bytes = b"",
    *,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    at: datetime = AT,
    content_type: str = "application/json",
    method: str = "POST",
    url: str = "https://leads.example.com/v1/webhooks/x/test",
) -> Asked:
    """A request."""
    return Asked(method, url, dict(headers or {}), dict(query or {}), content_type, body, at)
