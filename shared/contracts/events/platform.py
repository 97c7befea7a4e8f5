"""Events that any service may publish: the outcome of a command, and access."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from shared.contracts.base import Contract


class CommandCompleted(Contract):
    """What became of a command."""

    TYPE: ClassVar[str] = "command.completed"

    command_id: str
    command: str
    service: str
    status: Literal["done", "refused", "dead_lettered"]
    reason: str | None = None
    result: dict[str, Any] = {}
    completed_at: str


class AccessGranted(Contract):
    """A key, as the hash of its secret. A revoked key is the same record with `revoked`."""

    TYPE: ClassVar[str] = "access.granted"

    key_id: str
    secret_hash: str = Field(
        description="SHA-256 of the secret, hex; the secret itself is shown once and stored nowhere"
    )
    role: str = Field(description="admin, source, viewer or browser; more may come, and one not known allows nothing")
    source: str | None = Field(None, description="The one source that a key of a source or a browser may send for")
    label: str = ""
    origins: list[str] = Field([], description="The sites whose pages may use a browser's key: https://example.com")
    revoked: bool = False
    granted_at: str


class AccessRevoked(AccessGranted):
    """A key shut out: its record with `revoked` set, so that compaction leaves this one."""

    TYPE: ClassVar[str] = "access.revoked"

    revoked: bool = True
