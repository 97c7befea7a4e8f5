"""Commands that reporting obeys: access."""

from typing import ClassVar, Literal

from pydantic import Field

from shared.contracts.base import Contract


class GrantAccess(Contract):
    """Let a key in. The caller makes the secret and sends its hash only."""

    TYPE: ClassVar[str] = "access.grant"

    key_id: str
    secret_hash: str
    role: Literal["admin", "source", "viewer"]
    source: str | None = None
    label: str = ""
    origins: list[str] = Field([], description="Of a source's key: it is a browser's, for pages of these sites only")


class RevokeAccess(Contract):
    """Shut a key out."""

    TYPE: ClassVar[str] = "access.revoke"

    key_id: str
