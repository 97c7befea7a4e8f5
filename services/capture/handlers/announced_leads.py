"""Commands about leads that a provider names by its id only: fetch one, or take one back."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.capture.domain.erasing import keep_out_digest
from services.capture.domain.identity import external_key
from services.capture.handlers.events import STAGE
from services.capture.ports import Announced, AnnouncedBook
from shared.contracts.commands.capture import EraseLead, FetchLead, WithdrawLead
from shared.contracts.topics import CAPTURE_COMMANDS
from shared.handling.outcomes import InHand, OutEvent
from shared.handling.work import Work
from shared.messaging.commands import Done, Refused

_DELETED = "source_deleted"


@dataclass(frozen=True, slots=True)
class NoteAnnouncedLeads:
    """Obeys `lead.fetch`: notes the lead, durably, for `services/capture/fetching.py`. The network is not waited for."""

    announced: AnnouncedBook

    async def __call__(self, item: InHand, work: Work) -> Done | Refused:
        """See shared.messaging.commands.Obey."""
        wanted: FetchLead = item.event
        if item.decision is None:
            noted = Announced(wanted.source, wanted.provider_id, wanted.notification, wanted.occurred_at)
            await self.announced.note(work, noted)
        return Done({"source": wanted.source, "provider_id": wanted.provider_id})


@dataclass(frozen=True, slots=True)
class WithdrawLeads:
    """Obeys `lead.withdraw`: it is not fetched any more, and the command to erase what was made of it goes out."""

    announced: AnnouncedBook
    secret: bytes

    async def __call__(self, item: InHand, work: Work) -> Done | Refused:
        """See shared.messaging.commands.Obey. Asked for again it asks for the erasure again, under the same id."""
        wanted: WithdrawLead = item.event
        lead_ids = await self.announced.withdraw(work, wanted.source, wanted.provider_id)
        at = item.decision.decided_at if item.decision is not None else work.instant
        erase = self._erasure(item, wanted, lead_ids, at)
        return Done({"source": wanted.source, "provider_id": wanted.provider_id}, (erase,))

    def _erasure(self, item: InHand, wanted: WithdrawLead, lead_ids: Sequence[str], at: str) -> OutEvent:
        """The identifier stays out too: the lead may be on its way."""
        digest = keep_out_digest(external_key(wanted.source, wanted.provider_id), secret=self.secret)
        lead_id, also = (lead_ids[0], list(lead_ids[1:])) if lead_ids else ("", [])
        data = EraseLead(lead_id=lead_id, reason=_DELETED, also=also, keep_out=[digest], requested_by=wanted.source)
        event_id = STAGE.event_id(item.record, EraseLead.TYPE, "erasure")
        return STAGE.event(
            item.record,
            EraseLead.TYPE,
            topic=CAPTURE_COMMANDS,
            key=lead_id or event_id,
            data=data.__pydantic_serializer__.to_json(data),
            time=at,
            subject=event_id,
            event_id=event_id,
        )
