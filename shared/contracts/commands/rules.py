"""Commands about rules."""

from typing import ClassVar

from pydantic import Field

from shared.contracts.base import Contract


class PublishRules(Contract):
    """Make a checked rule document the active version, between two batches."""

    TYPE: ClassVar[str] = "rules.publish"

    kind: str
    document: str
    author: str
    reason: str
    instead_of: int | None = Field(None, description="Only while this version is live; absent: whichever is")


class ShadowRules(Contract):
    """Let a draft run beside the live version, without any effect; no document: let none run any more."""

    TYPE: ClassVar[str] = "rules.shadow"

    kind: str
    document: str | None = None
    author: str
    reason: str
