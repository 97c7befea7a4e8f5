"""The command that notes what a person agreed to or took back, told to somebody or confirmed by a second step."""

from dataclasses import dataclass
from typing import Any, Final, cast

from services.capture.domain.consent import CONFIRMED, parse_moment, statements_of
from services.capture.domain.fact_shape import Facts, LeadFacts
from services.capture.domain.lifecycle import marked
from services.capture.domain.view import lead_view
from services.capture.handlers.events import lead_changed
from services.capture.handlers.mark_leads import change_lead, stamp_of_mark
from services.capture.ports import ConsentBook, ErasureBook, LeadBook
from shared.contracts.commands.capture import RecordConsent
from shared.handling.outcomes import InHand
from shared.handling.work import Work
from shared.messaging.commands import Done, Refused, is_readable

CONSENT: Final = "consent"
_LONGEST: Final = 256
_LONGEST_WORDING: Final = 20_000


@dataclass(frozen=True, slots=True)
class RecordConsents:
    """Obeys `consent.record`: the statement is kept, and stands unless a refusal does that this one does not lift.

    Refused: invalid_purpose, invalid_time, invalid_text, unknown_lead, lead_erased.
    """

    leads: LeadBook
    erasures: ErasureBook
    consents: ConsentBook

    async def __call__(self, item: InHand, work: Work) -> Done | Refused:
        """See shared.messaging.commands.Obey."""
        wanted: RecordConsent = item.event
        refusal = _fault(wanted)
        if refusal is not None:
            return refusal
        said = _said(wanted)

        def change(facts: LeadFacts) -> LeadFacts:
            return marked(facts, stamp_of_mark(item.record), {}, said)

        person = await change_lead(self.leads, self.erasures, item, work, change)
        if isinstance(person, Refused):
            return person
        if item.decision is None:
            of_lead = (person.lead_id, item.record.event_id)
            at = item.record.timestamp * 1000
            await self.consents.add(work, list(statements_of(said, *of_lead, received_us=at, source=wanted.source)))
        at_instant = item.decision.decided_at if item.decision is not None else work.instant
        details = {"purpose": wanted.purpose, "given": wanted.given, "confirmed": wanted.confirmed}
        event = lead_changed(
            item.record, person, CONSENT, reason=CONSENT, author=wanted.requested_by, details=details, at=at_instant
        )
        standing = lead_view(person.facts, person.lead_id)["consent"].get(wanted.purpose)
        result = {"lead_id": person.lead_id, "purpose": wanted.purpose, "stands": standing}
        return Done(result, (event,), subject=person.lead_id)


def _said(wanted: RecordConsent) -> Facts:
    told: dict[str, Any] = {
        "text": wanted.text,
        "lawful_basis": wanted.lawful_basis,
        "wording_id": wanted.wording_id,
        "at": parse_moment(wanted.at),
        CONFIRMED: [wanted.purpose] if wanted.given and wanted.confirmed else None,
    }
    evidence = {name: value for name, value in told.items() if value}
    return cast(Facts, {"c": {wanted.purpose: wanted.given}, "k": evidence})


def _fault(wanted: RecordConsent) -> Refused | None:
    if not wanted.purpose.isidentifier() or len(wanted.purpose) > _LONGEST:
        return Refused("invalid_purpose", "a purpose is a word such as marketing_email")
    if wanted.at is not None and parse_moment(wanted.at) is None:
        return Refused("invalid_time", "`at` is a date and time such as 2026-01-05T10:00:00Z")
    short = (wanted.lawful_basis, wanted.wording_id, wanted.source)
    if not all(text is None or (len(text) <= _LONGEST and (text == "" or is_readable(text))) for text in short):
        return Refused(
            "invalid_text", f"lawful basis, wording id and source have at most {_LONGEST} printable characters"
        )
    if wanted.text is not None and (len(wanted.text) > _LONGEST_WORDING or "\x00" in wanted.text):
        return Refused("invalid_text", f"a wording has at most {_LONGEST_WORDING} characters")
    return None
