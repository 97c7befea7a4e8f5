"""The event loop of the services: uvloop, and the addresses of servers' names kept for a while.

A name server that is slow or away costs each look-up seconds, and libuv has four threads for all of them: a process that
connects to twenty things then waits for minutes. Here all who want one name wait for one look-up, and what was found last
serves while the name server does not answer (docs/adr/0029-names-of-servers.md).
"""

import asyncio
import ipaddress
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import structlog
import uvloop

from shared.observability.futures import look_at

log = structlog.get_logger(__name__)

# A server that moves is found after this time at the latest, while the name server answers.
_FRESH_S: Final = 5.0
_KEPT_S: Final = 300.0
_PATIENCE_S: Final = 1.0


class Address(NamedTuple):
    """Where a server is: a numeric host, and its family of addresses."""

    host: str
    family: int


@dataclass(slots=True)
class _Found:
    addresses: Sequence[Address]
    fresh_until: float
    kept_until: float


class ServerNames:
    """Looks names up, each once at a time."""

    def __init__(
        self,
        look_up: Callable[[str, int], Awaitable[Sequence[Address]]],
        clock: Callable[[], float] = time.monotonic,
        patience_s: float = _PATIENCE_S,
    ) -> None:
        self._look_up = look_up
        self._clock = clock
        self._patience_s = patience_s
        self._found: dict[tuple[str, int], _Found] = {}
        self._looking: dict[tuple[str, int], asyncio.Future[Sequence[Address]]] = {}

    async def addresses(self, host: str, port: int) -> Sequence[Address]:
        """Raises gaierror for a name that is not found, unless it was found within the last five minutes."""
        name, now = (host, port), self._clock()
        known = self._found.get(name)
        if known is not None and now < known.fresh_until:
            return known.addresses
        looking = self._looking.get(name) or self._begin(name)
        if known is None or now >= known.kept_until:
            return await asyncio.shield(looking)
        try:
            async with asyncio.timeout(self._patience_s):
                return await asyncio.shield(looking)
        except (TimeoutError, OSError) as error:
            log.info("name_not_found_again", host=host, port=port, error=type(error).__name__)
            return known.addresses

    def doubt(self, host: str, port: int) -> None:
        """Nothing answered at these addresses: whoever wants the name next looks it up."""
        known = self._found.get((host, port))
        if known is not None:
            known.fresh_until = self._clock()

    def _begin(self, name: tuple[str, int]) -> "asyncio.Future[Sequence[Address]]":
        looking = self._looking[name] = asyncio.ensure_future(self._look(name))
        looking.add_done_callback(look_at)
        return looking

    async def _look(self, name: tuple[str, int]) -> Sequence[Address]:
        try:
            addresses = await self._look_up(*name)
            now = self._clock()
            self._found[name] = _Found(addresses, now + _FRESH_S, now + _KEPT_S)
            return addresses
        finally:
            del self._looking[name]


class Loop(uvloop.Loop):
    """uvloop with `ServerNames` before it."""

    def __init__(self) -> None:
        super().__init__()
        self._server_names = ServerNames(self._look_up)

    async def create_connection(self, protocol_factory: Any, host: Any = None, port: Any = None, **options: Any) -> Any:
        """See asyncio's."""
        if not isinstance(host, str) or not isinstance(port, int) or is_address(host):
            return await super().create_connection(protocol_factory, host, port, **options)
        if options.get("ssl") and not options.get("server_hostname"):
            options["server_hostname"] = host
        return await self._connect(protocol_factory, host, port, options)

    async def _connect(self, factory: Any, host: str, port: int, options: dict[str, Any]) -> Any:
        """To the first address that answers."""
        wanted = options.pop("family", 0)
        addresses = await self._server_names.addresses(host, port)
        failed: OSError = socket.gaierror(socket.EAI_ADDRFAMILY, "Address family for hostname not supported")
        for address, family in addresses:
            if wanted in (0, family):
                try:
                    return await super().create_connection(factory, address, port, family=family, **options)
                except OSError as error:
                    failed = error
        self._server_names.doubt(host, port)
        raise failed

    async def _look_up(self, host: str, port: int) -> Sequence[Address]:
        found = await self.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(Address(place[0], family) for family, _, _, _, place in found))


def is_address(host: str) -> bool:
    """Whether a host is written as a number, and needs no look-up."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
