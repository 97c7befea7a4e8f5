"""The command that every rule-applying service obeys."""

from typing import ClassVar

from shared.contracts.base import Contract


class PublishRules(Contract):
    """Make a checked rule document the active version, between two batches."""

    TYPE: ClassVar[str] = "rules.publish"

    kind: str
    document: str
    author: str
    reason: str
