"""`lead.erased`, obeyed alike by every service: tombstones first, then every family of tables."""

from collections.abc import Mapping, Sequence

from shared.contracts.thin import ErasedLeads
from shared.handling.outcomes import InHand, Outcome, Produced
from shared.handling.work import Work
from shared.messaging.subscription import UseCase
from shared.persistence.erasing import PersonalTables, erase_all
from shared.persistence.tombstones import keep_tombstones

ERASED = "erased"


def forget_people(families: Sequence[PersonalTables]) -> UseCase:
    """The use case of `lead.erased` for a service that publishes nothing because of it. Again, it changes nothing."""

    async def handle(items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        await forget(items, families, work)
        return [Produced(ERASED, subject=first_lead(item.event)) for item in items]

    return handle


async def forget(items: Sequence[InHand], families: Sequence[PersonalTables], work: Work) -> Mapping[str, int]:
    """Keep the tombstones of all leads that these events name, aliases included, and blank them everywhere; the final
    versions. Families find the versions among the tombstones."""
    versions: dict[str, int] = {}
    for item in items:
        for lead_id, version in item.event.versions().items():
            versions[lead_id] = max(version, versions.get(lead_id, 0))
    if versions:
        await keep_tombstones(work, versions, min(item.event.erased_at for item in items))
        await erase_all(families, work, sorted(versions))
    return versions


def first_lead(erased: ErasedLeads) -> str | None:
    """The lead that stands for an erasure, where one name is wanted."""
    return erased.leads[0].lead_id if erased.leads else None
