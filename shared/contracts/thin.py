"""What the thin read models share: a service on the hot path validates what it uses, and hands the rest on unread."""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, Self

import msgspec
from pydantic import AfterValidator, AwareDatetime, Field, ValidationError, model_validator

from shared.contracts.base import Contract
from shared.contracts.ids import WRITTEN, is_id


def _require_id(value: str) -> str:
    if not is_id(value):
        raise ValueError("not an id")
    return value


def _require_lead(lead: dict[str, Any]) -> dict[str, Any]:
    if not is_id(lead.get("lead_id")):
        raise ValueError("a lead without its id")
    return lead


LeadId = Annotated[str, AfterValidator(_require_id)]
LeadJson = Annotated[dict[str, Any], AfterValidator(_require_lead)]
"""A lead as it came; only its id is looked at."""
HIGHEST_VERSION: Final = 2**31 - 2
Version = Annotated[int, Field(ge=1, le=HIGHEST_VERSION)]
"""Counts from 1; Postgres must be able to store the next one too."""
SeenVersion = Annotated[int, msgspec.Meta(ge=1, le=HIGHEST_VERSION)]
"""The same for msgspec."""
NOT_AS_WRITTEN: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What reading a value by `msgspec` raises where the contract itself is to judge it."""


class _Identified(msgspec.Struct, gc=False):
    lead_id: Annotated[str, msgspec.Meta(pattern=f"^{WRITTEN.pattern}$")]


class _Received(msgspec.Struct, gc=False):
    received_at: Annotated[datetime, msgspec.Meta(tz=True)]


_identified: Final = msgspec.json.Decoder(_Identified).decode
_received: Final = msgspec.json.Decoder(_Received).decode


def lead_id_of(lead: msgspec.Raw) -> str:
    """The id of a lead that is still JSON. Raises msgspec.DecodeError where it has none."""
    return _identified(lead).lead_id


def object_of(part: msgspec.Raw) -> bytes:
    """The JSON of a part. Raises msgspec.ValidationError where it is no object."""
    written = bytes(part)
    if not written.startswith(b"{"):
        raise msgspec.ValidationError("not an object")
    return written


def received_at(origin: bytes) -> datetime | None:
    """When the submission came, as far as its origin says so."""
    try:
        return _received(origin).received_at
    except msgspec.DecodeError:
        return None


class MergedLead(Contract):
    """`lead.merged`: the winner after the merge."""

    TYPE: ClassVar[str] = "lead.merged"

    winner_id: LeadId
    loser_id: LeadId
    lead: LeadJson
    lead_version: Version

    @model_validator(mode="after")
    def _of_two_leads(self) -> Self:
        if self.winner_id == self.loser_id or self.lead["lead_id"] != self.winner_id:
            raise ValueError("a merge needs a winner, whose state it carries, and another loser")
        return self


class UnmergedLead(Contract):
    """`lead.unmerged`: one of the two leads, by itself again."""

    TYPE: ClassVar[str] = "lead.unmerged"

    winner_id: LeadId
    loser_id: LeadId
    lead: LeadJson
    lead_version: Version

    @property
    def lead_id(self) -> str:
        """The lead that the record is about."""
        return str(self.lead["lead_id"])

    @model_validator(mode="after")
    def _of_one_of_them(self) -> Self:
        if self.winner_id == self.loser_id or self.lead["lead_id"] not in (self.winner_id, self.loser_id):
            raise ValueError("two leads were one, and the record is about one of them")
        return self


class BareUnmerge(Contract):
    """`lead.unmerged` in its first form, which does not say how a lead is after the split."""

    winner_id: LeadId
    loser_id: LeadId
    lead_version: Version
    lead: None = None


class AnyUnmerge:
    """Reads `lead.unmerged` in either form."""

    @staticmethod
    def model_validate_json(value: bytes) -> UnmergedLead | BareUnmerge:
        """The event of a record's value. Raises pydantic's ValidationError for what is none."""
        try:
            return UnmergedLead.model_validate_json(value)
        except ValidationError as error:
            try:
                return BareUnmerge.model_validate_json(value)
            except ValidationError:
                raise error from None


class _ErasedLead(Contract):
    lead_id: LeadId
    lead_version: Version
    aliases: list[LeadId] = []


class ErasedLeads(Contract):
    """`lead.erased`: whose personal data must go."""

    TYPE: ClassVar[str] = "lead.erased"

    leads: list[_ErasedLead]
    erased_at: AwareDatetime

    def versions(self) -> dict[str, int]:
        """The final version of each lead, and of each that was merged into it."""
        return {lead_id: erased.lead_version for erased in self.leads for lead_id in (erased.lead_id, *erased.aliases)}
