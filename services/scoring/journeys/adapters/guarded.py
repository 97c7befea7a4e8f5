"""A POST to an address that somebody configured, and that must not lead into our own network.

The name is resolved once, every address of it is judged, and the connection goes to the address that was judged: what
the name says a moment later does not matter. Redirects are not followed, and of the answer nothing but its status is read.
"""

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import socket
import time
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import urlsplit

import httpcore

_TIMEOUT_S: Final = 15.0
_PORTS: Final = frozenset({80, 443, 8080, 8443})
_NETWORKS_OF_OTHERS: Final = ("64:ff9b::/96", "2002::/16", "2001::/32")  # addresses that hold another, IPv4, one
_HIDING: Final = tuple(map(ipaddress.ip_network, _NETWORKS_OF_OTHERS))


class Blocked(Exception):
    """The address may not be asked. Says why, never which it is."""


class GuardedPost:
    """Posts to one URL. `allow_private` is for an installation that runs its own receiver beside it, and for tests."""

    def __init__(self, url: str, secret: str = "", *, allow_private: bool = False) -> None:
        require_allowed(url, allow_private=allow_private)
        self._url = url
        self._secret = secret.encode()
        self._backend = PinnedBackend(allow_private=allow_private)

    async def send(self, body: bytes, key: str) -> int:
        """The answer's status. Raises Blocked, OSError, TimeoutError."""
        headers = [
            ("Content-Type", "application/json"), ("User-Agent", "leadstream"), ("Idempotency-Key", key),
            *self._signature(body, key),
        ]  # fmt: skip
        try:
            async with (
                asyncio.timeout(_TIMEOUT_S),
                httpcore.AsyncConnectionPool(network_backend=self._backend) as pool,
                pool.stream("POST", self._url, headers=headers, content=body) as answer,
            ):
                return int(answer.status)
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
            raise OSError(type(error).__name__) from None

    def _signature(self, body: bytes, key: str) -> Iterable[tuple[str, str]]:
        """Standard Webhooks: `id.timestamp.body`, HMAC-SHA256."""
        if not self._secret:
            return ()
        at = str(int(time.time()))
        digest = hmac.new(self._secret, f"{key}.{at}.".encode() + body, hashlib.sha256).digest()
        signature = f"v1,{base64.b64encode(digest).decode()}"
        return (("webhook-id", key), ("webhook-timestamp", at), ("webhook-signature", signature))


def require_allowed(url: str, *, allow_private: bool) -> None:
    """Raises Blocked for a URL that can be judged by its text alone."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Blocked("no URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Blocked("http and https only")
    if parts.username is not None or parts.password is not None:
        raise Blocked("a URL with a password in it")
    if allow_private:
        return
    if port is not None and port not in _PORTS:
        raise Blocked(f"ports {', '.join(map(str, sorted(_PORTS)))} only")
    try:
        address = ipaddress.ip_address(parts.hostname)
    except ValueError:
        return
    require_public(address)


def require_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    """Raises Blocked for an address of this machine, of a private network, or one that hides another."""
    mapped = getattr(address, "ipv4_mapped", None)
    if mapped is not None:
        address = mapped
    hides = any(address.version == network.version and address in network for network in _HIDING)
    if hides or not address.is_global or address.is_multicast or address.is_reserved:
        raise Blocked("an address of a private network")


class PinnedBackend(httpcore.AnyIOBackend):
    """Resolves a name once, judges every address that it has, and connects to one of them."""

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private

    async def connect_tcp(self, host: str, port: int, *arguments: Any, **options: Any) -> httpcore.AsyncNetworkStream:
        """See httpcore.AsyncNetworkBackend; TLS is still checked against the name."""
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [str(address[0]) for *_, address in found]
        if not self._allow_private:
            for address in addresses:
                require_public(ipaddress.ip_address(address.partition("%")[0]))
        if not addresses:
            raise OSError("no address")
        return await super().connect_tcp(addresses[0], port, *arguments, **options)
