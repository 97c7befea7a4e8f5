"""`lead.unmerged` for services that keep a lead's state: only what tells it is handed to them."""

from collections.abc import Awaitable, Callable, Sequence

from shared.contracts.thin import BareUnmerge
from shared.handling.outcomes import InHand, Outcome, Skipped
from shared.handling.work import Work

UseCase = Callable[[Sequence[InHand], Work], Awaitable[Sequence[Outcome]]]


def telling_leads(use_case: UseCase) -> UseCase:
    """Passes over records in their first form: each lead's next record is newer than the merge, and says that it was taken
    back."""

    async def take(items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        told = [item for item in items if not isinstance(item.event, BareUnmerge)]
        outcomes = iter(await use_case(told, work) if told else ())
        return [
            Skipped("says_no_lead", item.event.loser_id) if isinstance(item.event, BareUnmerge) else next(outcomes)
            for item in items
        ]

    return take
