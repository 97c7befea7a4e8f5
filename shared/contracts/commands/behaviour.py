"""Commands about behaviour, that capture obeys."""

from typing import ClassVar

from pydantic import Field

from shared.contracts.base import Contract


class StitchBehaviour(Contract):
    """Strangers may be known now: what waited for them becomes their leads'. Capture gives it to itself."""

    TYPE: ClassVar[str] = "behaviour.stitch"

    parties: list[str] = Field(description="Digests, 32 hexadecimal signs each")


class UnlinkVisitor(Contract):
    """A visitor was not this lead: what came to the lead by its browser alone is taken back, and waits again."""

    TYPE: ClassVar[str] = "visitor.unlink"

    visitor: str = Field(description="The digest that the lead's events name")
    lead_id: str
    reason: str


class ReclassifyBehaviour(Contract):
    """Judge stored events again, by today's lists: what a machine did after all is corrected. A step at a time."""

    TYPE: ClassVar[str] = "behaviour.reclassify"

    since: str = Field(description="Events received from this instant on, RFC 3339")
    until: str
    after: str | None = Field(None, description="Where the step before ended")
    user_agents: list[str] = Field([], description="Further parts of machines' user agents")
    networks: list[str] = Field([], description="Further networks of machines, such as 192.0.2.0/24")
    reason: str
