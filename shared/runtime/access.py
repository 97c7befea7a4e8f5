"""Who may do what: keys as hashes, cached from the compacted access topic; the first ones come from the environment."""

import asyncio
import contextlib
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import Final, Literal

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from fastapi import Request
from pydantic import SecretStr, ValidationError

from shared.contracts.events.platform import AccessGranted
from shared.contracts.topics import ACCESS_GRANTED
from shared.messaging.connections import ended_task_of_consumer, send_or_fail
from shared.runtime.problems import Problem
from shared.runtime.settings import ServiceSettings

log = structlog.get_logger(__name__)

_LOOK_MS: Final = 2000

send_or_fail()

Role = Literal["admin", "source", "viewer", "browser"]
# What each role may do: an admin everything, a source only send, a viewer only read, a browser only tell what is done
# on the pages of its origins. A browser's key is public: everybody who sees a page can read it.
ALLOWED: Final[dict[str, frozenset[str]]] = {
    "admin": frozenset({"send", "observe", "read", "change"}),
    "viewer": frozenset({"read"}),
    "source": frozenset({"send", "observe"}),
    "browser": frozenset({"observe"}),
}
Right = Literal["send", "observe", "read", "change"]


def secret_hash(secret: str) -> str:
    """SHA-256 of a random secret, hex. Secrets have 32 random bytes, so a slow hash would add nothing."""
    return hashlib.sha256(secret.encode()).hexdigest()


def new_key() -> tuple[str, str]:
    """A key id and a whole key `ls_<id>_<secret>`; the key is shown once."""
    key_id = secrets.token_hex(6)
    return key_id, f"ls_{key_id}_{secrets.token_urlsafe(32)}"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who makes a request. `source` is the one source that it may send for; None means any. `origins` are the sites whose
    pages may use a browser's key."""

    key_id: str
    role: str
    source: str | None = None
    origins: tuple[str, ...] = ()

    def may(self, what: str) -> bool:
        """Whether the role allows `send`, `observe`, `read` or `change`."""
        return what in ALLOWED.get(self.role, frozenset())


@dataclass
class AccessBook:
    """The keys that are let in."""

    _from_environment: list[tuple[str, Principal]] = field(default_factory=list)
    _granted: dict[str, AccessGranted] = field(default_factory=dict)
    _task: "asyncio.Task[None] | None" = None

    @classmethod
    def from_settings(cls, settings: ServiceSettings) -> "AccessBook":
        """The keys of the environment: one admin, one source."""
        book = cls()
        book._add(settings.admin_key, Principal("environment-admin", "admin"))
        book._add(settings.source_key, Principal("environment-source", "source"))
        return book

    def _add(self, key: SecretStr | None, principal: Principal) -> None:
        if key is not None and key.get_secret_value():
            self._from_environment.append((secret_hash(key.get_secret_value()), principal))

    def apply(self, granted: AccessGranted) -> None:
        """A record of the access topic."""
        self._granted[granted.key_id] = granted

    def principal(self, key: str) -> Principal | None:
        """Who this key belongs to, or None."""
        digest = secret_hash(key)
        for known, principal in self._from_environment:
            if hmac.compare_digest(known, digest):
                return principal
        parts = key.split("_", 2)
        granted = self._granted.get(parts[1]) if len(parts) == 3 else None
        if granted is None or granted.revoked or not hmac.compare_digest(granted.secret_hash, digest):
            return None
        return Principal(granted.key_id, granted.role, granted.source, tuple(granted.origins))

    def follow(self, settings: ServiceSettings) -> None:
        """Keep reading the access topic in the background."""
        self._task = asyncio.create_task(self._follow(settings), name="access")

    async def _follow(self, settings: ServiceSettings) -> None:
        while True:
            try:
                await self._read(settings)
            except (KafkaError, OSError):
                pass  # tried again, for as long as it takes
            except Exception:
                log.exception("access_not_read")
            await asyncio.sleep(2)

    async def _read(self, settings: ServiceSettings) -> None:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=settings.kafka_bootstrap,
            isolation_level="read_committed",
            enable_auto_commit=False,
            fetch_max_wait_ms=2000,
        )
        await consumer.start()
        try:
            place = TopicPartition(settings.names.topic(ACCESS_GRANTED), 0)
            consumer.assign([place])
            await consumer.seek_to_beginning(place)
            while (ended := ended_task_of_consumer(consumer)) is None:
                for record in (await consumer.getmany(place, timeout_ms=_LOOK_MS)).get(place, ()):
                    self._apply_raw(record.value)
            log.warning("client_task_ended", task=ended)
        finally:
            await consumer.stop()

    def _apply_raw(self, value: bytes | None) -> None:
        try:
            self.apply(AccessGranted.model_validate_json(value or b""))
        except ValidationError:
            log.error("access_record_unreadable")

    async def close(self) -> None:
        """Stop reading."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task


def bearer(request: Request) -> str:
    """The key of a request: `Authorization: Bearer`, or `X-API-Key`."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key:
        return key.strip()
    return request.headers.get("x-api-key", "")


def unauthenticated(key: str) -> Problem:
    """The answer to a request without a key, or with one that nobody has. Both have one code; what is wrong with a key
    (its id, its secret, that it was revoked) is not told, which would help guessing."""
    if not key:
        detail = "A key is needed: `Authorization: Bearer <key>`."
    else:
        detail = "This key is not known here: it is mistyped, was revoked, or belongs to another installation."
    return Problem(401, "unauthenticated", detail)


class Requires:
    """A FastAPI dependency: the caller must be known and its role must allow `what`."""

    def __init__(self, what: Right) -> None:
        self.what = what

    async def __call__(self, request: Request) -> Principal:
        book: AccessBook = request.app.state.service.access
        key = bearer(request)
        principal = book.principal(key) if key else None
        if principal is None:
            raise unauthenticated(key)
        if not principal.may(self.what):
            raise Problem(403, "forbidden", f"This key's role ({principal.role}) does not allow to {self.what}.")
        return principal
