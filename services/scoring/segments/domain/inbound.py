"""What segments read of others' events, and of their own service's scores."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Final, NamedTuple

import msgspec
from pydantic import AwareDatetime

from shared.contracts.base import Contract
from shared.contracts.thin import NOT_AS_WRITTEN, LeadId, SeenVersion, Version


class Carried(NamedTuple):
    """A lead and its score as a `lead.scored` carries them, and the versions by which they are known to be the newest."""

    lead: bytes
    lead_version: int
    score: bytes
    score_version: int


NOTHING_CARRIED: Final[Mapping[str, Carried]] = MappingProxyType({})


class _Scored(msgspec.Struct, gc=False):
    lead: msgspec.Raw
    lead_version: SeenVersion
    score: msgspec.Raw
    score_version: SeenVersion


_read_scored: Final = msgspec.json.Decoder(_Scored).decode


def read_carried(value: bytes | None) -> Carried | None:
    """What a `lead.scored` carries; None for what is none, whose state is to be looked up."""
    try:
        said = _read_scored((value or b"").decode())
    except NOT_AS_WRITTEN:
        return None
    return Carried(bytes(said.lead), said.lead_version, bytes(said.score), said.score_version)


class Behaved(Contract):
    """Of `lead.behaved`: what happened, and whether a person did it."""

    TYPE: ClassVar[str] = "lead.behaved"

    lead_id: LeadId
    kind: str
    occurred_at: AwareDatetime
    category: str | None = None
    human: bool = True
    properties: dict[str, Any] = {}


class Corrected(Contract):
    """Of `behaviour.corrected`: an earlier event is seen otherwise, or another person's."""

    TYPE: ClassVar[str] = "behaviour.corrected"

    lead_id: LeadId
    corrects: LeadId
    change: str
    human: bool = True
    corrected_at: AwareDatetime

    @property
    def counts(self) -> bool:
        """Whether the event counts for its lead now."""
        return self.change != "retracted" and self.human


class Converted(Contract):
    """Of `opportunity.converted`: the lead is a customer since."""

    TYPE: ClassVar[str] = "opportunity.converted"

    lead_id: LeadId
    converted_at: AwareDatetime


class Joined(Contract):
    """Of `lead.merged` and `lead.unmerged`: who is one person, or two again."""

    MERGED: ClassVar[str] = "lead.merged"
    UNMERGED: ClassVar[str] = "lead.unmerged"

    winner_id: LeadId
    loser_id: LeadId
    lead_version: Version
