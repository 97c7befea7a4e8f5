"""Every table of a service either takes part in an erasure or is declared to hold nothing of a person.

A service lists its families of tables in `adapters/postgres/erasure.py`; a test compares them with the tables that its
migrations make, and fails for a table that is in neither list.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, Protocol

from shared.handling.work import Work


class PersonalTables(Protocol):
    """A family of tables that hold something of a person, found by lead."""

    @property
    def tables(self) -> tuple[str, ...]:
        """Their names."""
        ...

    async def erase(self, work: Work, lead_ids: Sequence[str]) -> None:
        """Take out what is personal of these leads (with all that were merged into them); again, it changes nothing.
        What counts, money and outcomes rest on stays."""
        ...

    async def export(self, work: Work, lead_ids: Sequence[str]) -> Mapping[str, Any]:
        """All that these tables hold of the leads, JSON-ready, by what it is. Nothing of anybody else."""
        ...


# What the chassis keeps in every service, and why a person is not in it.
CHASSIS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "marks": "offsets",
        "decisions": "an outcome, a lead's id, registered reasons; `detail` has what the service says it has, no values",
        "commands": "ids, versions and registered reasons; refusals are our own texts",
        "rule_versions": "rules, and the name of the member of staff who published them",
        "active_rules": "versions",
        "aliases": "ids of leads",
        "tombstones": "ids of erased leads",
        "timers": "ids; a payload names things, never people",
        "slots": "processes",
        "alembic_version": "the schema's version",
    }
)


def blank_lead(lead_id: str) -> str:
    """What is left of a lead that passes through as JSON."""
    return f'{{"lead_id":"{lead_id}"}}'


async def erase_all(families: Sequence[PersonalTables], work: Work, lead_ids: Sequence[str]) -> None:
    """Every family, in the order of the list: all of a service's writers lock its tables in that order."""
    for family in families:
        await family.erase(work, lead_ids)


async def export_all(families: Sequence[PersonalTables], work: Work, lead_ids: Sequence[str]) -> dict[str, Any]:
    """What every family holds, in one object."""
    found: dict[str, Any] = {}
    for family in families:
        found.update(await family.export(work, lead_ids))
    return found
