"""How long ago somebody confirmed each field of a lead, what is stale of it, and when to look at it next."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from types import MappingProxyType
from typing import Final, Literal

from services.capture.domain.fact_shape import LeadFacts
from services.capture.domain.lifecycle import CHANNELS, fields_told

Fill = Literal["empty", "overwrite"]
FIELDS: Final = ("email", "phone", "title", "address", "company.name", "company.employees", "company.annual_revenue")
"""The fields that can grow stale."""
FACTS: Final = ("title", "company.name")
"""The fields that a verifier may tell anew."""
_YEAR: Final = 365
DEFAULT_DAYS: Final[Mapping[str, int]] = MappingProxyType(
    {"email": _YEAR, "phone": _YEAR, "title": _YEAR, "company.name": _YEAR, "address": 2 * _YEAR}
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Hygiene:
    """What is set: at which time of day (UTC), how often each lead is verified, after how many days which field is stale,
    and whether what a verifier says takes the place of what is known."""

    enabled: bool = True
    at: time = time(2, 30)
    check_every_days: int = 90
    stale_after_days: Mapping[str, int] = field(default_factory=lambda: DEFAULT_DAYS)
    fill: Mapping[str, Fill] = field(default_factory=lambda: dict.fromkeys(FACTS, "overwrite"))

    def next_night(self, now: datetime) -> datetime:
        """When the next run is due, after `now`."""
        tonight = datetime.combine(now.astimezone(UTC).date(), self.at, UTC)
        return tonight if tonight > now else tonight + timedelta(days=1)


NIGHTLY: Final = Hygiene()
"""What holds where nothing is set."""


def last_told(facts: LeadFacts) -> dict[str, datetime]:
    """When each field that is known was told or confirmed last."""
    known = {unit for layer in facts.layers for unit in layer.facts.get("f", ())}
    known |= {
        channel
        for channel, part in zip(CHANNELS, ("e", "p"), strict=True)
        for layer in facts.layers
        if any(entry[1] for entry in layer.facts.get(part, ()))  # type: ignore[attr-defined]
    }
    told: dict[str, datetime] = {}
    for layer in facts.layers:
        at = _EPOCH + layer.stamp.received_us * _MICROSECOND
        told.update(dict.fromkeys(fields_told(layer) & known, at))
    return told


def stale_at(facts: LeadFacts, hygiene: Hygiene) -> dict[str, datetime]:
    """When each known field is stale, or has been since; fields that never are, are left out."""
    told = last_told(facts)
    return {
        name: told[name] + timedelta(days=hygiene.stale_after_days[name])
        for name in FIELDS
        if name in told and name in hygiene.stale_after_days
    }


def next_check(facts: LeadFacts, hygiene: Hygiene, now: datetime) -> datetime:
    """When to look at a lead again: when it is to be verified, or something of it grows stale, whatever comes first."""
    coming = [at for at in stale_at(facts, hygiene).values() if at > now]
    return min([now + timedelta(days=hygiene.check_every_days), *coming])
