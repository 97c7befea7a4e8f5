"""Commands about a person's data: erase it, or note that it is handed out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from services.capture.domain.erasing import PURGES, REASONS, ErasedFamily
from services.capture.handlers.events import STAGE
from services.capture.ports import ConversionBook, ErasureBook, PersonRequest
from shared.contracts.commands.capture import EraseLead, ExportLead
from shared.contracts.events.capture import LeadErased
from shared.contracts.ids import is_id
from shared.contracts.topics import ERASED
from shared.handling.outcomes import InHand, OutEvent
from shared.handling.work import Work
from shared.messaging.commands import Done, Refused, is_readable

ERASE: Final = "erase"
EXPORT: Final = "export"
MOST_LEADS: Final = 1000
MOST_WAITING: Final = 10_000
_CUSTOMER: Final = Refused("converted", "the lead became an opportunity: no retention policy erases it")
_UNKNOWN: Final = Refused("unknown_lead", "there is no lead of this id, or of one of them")


@dataclass(frozen=True, slots=True)
class EraseLeads:
    """Obeys `lead.erase`: blanks the leads in every table of capture, and tells everybody else with one `lead.erased`.

    Asked for once more it changes nothing and tells everybody again.
    """

    erasures: ErasureBook
    conversions: ConversionBook

    async def __call__(self, item: InHand, work: Work) -> Done | Refused:
        """See shared.messaging.commands.Obey. Refused: unknown_reason, unknown_lead, invalid_digest, invalid_event,
        invalid_requester; converted, where nobody but a policy asks for it."""
        wanted: EraseLead = item.event
        wanted_ids = _leads(wanted)
        refusal = _fault(wanted, wanted_ids) or _fault_of_digests(wanted, wanted_ids) or _fault_of_events(wanted)
        if refusal is not None:
            return refusal
        if item.decision is not None:
            return await self._again(item, work)
        families = await self.erasures.lock(work, wanted_ids)
        if not _found_all(wanted_ids, families):
            return _UNKNOWN
        if wanted.purged is not None and await self._is_customer(families, work):
            return _CUSTOMER
        kept_out = await self.erasures.erase(work, families, wanted.keep_out, wanted.waiting)
        request = _request(item, ERASE, families, kept_out)
        await self.erasures.note(work, request)
        return _done(item, request, work.instant)

    async def _is_customer(self, families: Sequence[ErasedFamily], work: Work) -> bool:
        members = {member for family in families for member in (family.lead_id, *family.aliases)}
        return bool(await self.conversions.converted_among(work, sorted(members)))

    async def _again(self, item: InHand, work: Work) -> Done:
        request = await self.erasures.noted(work, item.record.event_id)
        assert request is not None  # noted in the transaction that stored the decision
        assert item.decision is not None
        return _done(item, request, item.decision.decided_at)


@dataclass(frozen=True, slots=True)
class NoteExports:
    """Obeys `lead.export`: remembers who had a person's data handed out, and answers whose: leads, and events that are
    no lead's."""

    erasures: ErasureBook

    async def __call__(self, item: InHand, work: Work) -> Done | Refused:
        """See shared.messaging.commands.Obey. Refused: unknown_reason, unknown_lead, invalid_event, invalid_requester."""
        wanted: ExportLead = item.event
        wanted_ids = _leads(wanted)
        refusal = _fault(wanted, wanted_ids) or _fault_of_events(wanted)
        if refusal is not None or not (wanted_ids or wanted.waiting):
            return refusal or _UNKNOWN
        request = await self.erasures.noted(work, item.record.event_id)
        if request is None:
            families = await self.erasures.find(work, wanted_ids)
            if not _found_all(wanted_ids, families):
                return _UNKNOWN
            request = _request(item, EXPORT, families, 0)
            await self.erasures.note(work, request)
        result: dict[str, Any] = {"leads": _named(request.families), "waiting": list(wanted.waiting)}
        return Done(result, subject=request.families[0].lead_id if request.families else None)


def _leads(wanted: EraseLead | ExportLead) -> list[str]:
    return list(dict.fromkeys(filter(None, (wanted.lead_id, *wanted.also))))


def _found_all(wanted_ids: Sequence[str], families: Sequence[ErasedFamily]) -> bool:
    known = {member for family in families for member in (family.lead_id, *family.aliases)}
    return known.issuperset(wanted_ids)


def _fault(wanted: EraseLead | ExportLead, wanted_ids: Sequence[str]) -> Refused | None:
    if wanted.reason not in REASONS:
        return Refused("unknown_reason", f"a reason is one of {', '.join(REASONS)}")
    if wanted.requested_by and not (is_readable(wanted.requested_by) and len(wanted.requested_by) <= 100):
        return Refused("invalid_requester", "who asks has at most 100 printable characters")
    if isinstance(wanted, EraseLead) and wanted.purged not in (None, *PURGES):
        return Refused("invalid_purge", f"what is purged is one of {', '.join(PURGES)}")
    if len(wanted_ids) > MOST_LEADS or not all(map(is_id, wanted_ids)):
        return _UNKNOWN
    return None


def _fault_of_digests(wanted: EraseLead, wanted_ids: Sequence[str]) -> Refused | None:
    if not wanted_ids and not wanted.keep_out:
        return _UNKNOWN
    if not all(len(digest) == 32 and set(digest) <= set("0123456789abcdef") for digest in wanted.keep_out):
        return Refused("invalid_digest", "a digest has 32 hexadecimal characters")
    return None


def _fault_of_events(wanted: EraseLead | ExportLead) -> Refused | None:
    if len(wanted.waiting) > MOST_WAITING or not all(map(is_id, wanted.waiting)):
        return Refused("invalid_event", f"what waits is named by ids of events, {MOST_WAITING} at most")
    return None


def _request(item: InHand, kind: str, families: Sequence[ErasedFamily], kept_out: int) -> PersonRequest:
    wanted = item.event
    return PersonRequest(item.record.event_id, kind, wanted.reason, wanted.requested_by, families, kept_out)


def _named(families: Sequence[ErasedFamily]) -> list[dict[str, Any]]:
    return [{"lead_id": family.lead_id, "aliases": list(family.aliases)} for family in families]


def _done(item: InHand, request: PersonRequest, at: str) -> Done:
    result = {"leads": _named(request.families), "kept_out": request.kept_out}
    if not request.families:
        return Done(result)
    return Done(result, (_lead_erased(item, request, at),), subject=request.families[0].lead_id)


def _lead_erased(item: InHand, request: PersonRequest, at: str) -> OutEvent:
    data: dict[str, Any] = {"leads": [family._asdict() for family in request.families], "erased_at": at}
    if item.event.purged is not None:
        data["purged"] = item.event.purged
    key = request.families[0].lead_id
    return STAGE.event(item.record, LeadErased.TYPE, topic=ERASED, key=key, data=orjson.dumps(data), time=at)
