"""Clients for HTTP. Reading the certificates takes 20 ms a client, in which a test's whole loop stands still: they are read once."""

import ssl
from collections.abc import Mapping
from functools import cache

import httpx

_LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=20)  # httpx's own


@cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def client(
    url: str = "", *, timeout: float = 5, headers: Mapping[str, str] | None = None, limits: httpx.Limits = _LIMITS
) -> httpx.AsyncClient:
    """A client of a service; to be closed."""
    return httpx.AsyncClient(base_url=url, timeout=timeout, headers=headers, verify=_tls(), limits=limits)
