"""The shape of facts: JSON-ready, with short keys because one is stored with every lead."""

from collections.abc import Sequence
from typing import Any, NamedTuple, TypedDict

from services.capture.domain.survivorship import DEFAULT, Survivorship

# [match key, value, original when it differs, mailbox kind, domain of a company mailbox]; for what is no address
# all are None but the original.
EmailEntry = list[str | None]
# [match key, E.164, original when it differs]; value None when unreadable, key None for placeholders.
PhoneEntry = list[str | None]


class Facts(TypedDict, total=False):
    """What one submission contributes to a lead."""

    f: dict[str, Any]
    """Units of which the latest wins: names, title, company.*, address, message, budget, products, …"""
    t: dict[str, Any]
    """The touch: source, campaign, campaign parameters, click ids, pages."""
    o: dict[str, Any]
    """Units of which the earliest wins: source [source, detail, original], campaign."""
    r: dict[str, Any]
    """Originals that normalisation changed, by unit."""
    w: dict[str, list[str]]
    """Warnings, by unit."""
    e: list[EmailEntry]
    p: list[PhoneEntry]
    i: list[list[str]]
    """External ids: [source, id]."""
    c: dict[str, bool]
    """Consent by purpose; a refusal beats every agreement."""
    k: dict[str, Any]
    """Evidence of the consent."""
    x: dict[str, Any]
    """Fields that the contract does not know, by key."""
    m: dict[str, Any]
    """Units of the lead's life that are no submission's: a target or not, marks (`lifecycle.py`)."""
    s: str
    """The source of the record, where survivorship asks how far it is trusted."""


class Stamp(NamedTuple):
    """When a record was received (microseconds since 1970, UTC) and which one it was: the order of all facts."""

    received_us: int
    record_id: str


class Layer(NamedTuple):
    """The facts of one record, or what is left of them where later records won."""

    stamp: Stamp
    facts: Facts


class LeadFacts(NamedTuple):
    """A lead's merged facts. `layers` are those of the first and the last submission and of all records that still decide
    something, by ascending stamp; of the submissions with nothing left the newest are named in `silent`, the older ones
    counted."""

    counted: int
    layers: tuple[Layer, ...]
    silent: tuple[Stamp, ...] = ()
    survivorship: Survivorship = DEFAULT
    """By which the layers decide; never stored."""

    def named(self) -> Sequence[Layer]:
        """Every record that is named, also those with nothing left, by ascending stamp."""
        if not self.silent:
            return self.layers
        return sorted((*self.layers, *(Layer(stamp, {}) for stamp in self.silent)))
