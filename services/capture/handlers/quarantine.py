"""Commands about quarantine: release a submission, which is captured as if it had just been let in, or reject it."""

from dataclasses import dataclass, replace

from services.capture.domain.refusal import refuse
from services.capture.handlers.arrivals import QUARANTINED, arrival_of
from services.capture.handlers.capture_leads import CaptureLeads
from services.capture.handlers.events import lead_rejected
from services.capture.handlers.identify_visitors import with_visitor
from services.capture.ports import HeldState, QuarantineBook
from shared.contracts.commands.capture import RejectQuarantined, ReleaseQuarantined
from shared.contracts.ids import is_id
from shared.handling.outcomes import InHand, Outcome, Produced
from shared.handling.records import Record
from shared.handling.work import Work
from shared.messaging.commands import LONGEST_TEXT, Done, Refused, is_readable
from shared.messaging.verdicts import decision_of
from shared.persistence.decisions import lock_decisions, reopen_decisions

_SETTLED = "it was settled before: `leadstream quarantine show` says how"


@dataclass(frozen=True, slots=True)
class SettleQuarantined:
    """Obeys both commands. The submission keeps its event id, coordinates and time; its outcome takes the place of
    `quarantined`, once."""

    capture: CaptureLeads
    quarantine: QuarantineBook

    async def __call__(self, item: InHand, work: Work) -> Done | Refused:
        """See shared.messaging.commands.Obey."""
        wanted: ReleaseQuarantined | RejectQuarantined = item.event
        if not (is_readable(wanted.note) and is_readable(wanted.requested_by)):
            return Refused("invalid_note", f"note and requested_by have 1 to {LONGEST_TEXT} printable characters")
        held = await self.quarantine.lock(work, wanted.event_id) if is_id(wanted.event_id) else None
        if held is None:
            return Refused("unknown_receipt", "nothing with this receipt was ever in quarantine")
        state, record = held
        if item.decision is not None:
            return await self._again(wanted, record, work)
        if record is None:
            return Refused("erased", "the person was erased, and the submission with them")
        if state != "held":
            return Refused("already_settled", _SETTLED)
        outcome = await self._outcome(wanted, record, work)
        if not isinstance(outcome, Produced):
            return Refused("not_processable", f"the record cannot be processed: {outcome.reason}")
        await reopen_decisions(work, [(record, decision_of(outcome, work))], was=(QUARANTINED,))
        became: HeldState = "released" if isinstance(wanted, ReleaseQuarantined) else "rejected"
        await self.quarantine.settle(work, record.event_id, became, outcome.subject, wanted.requested_by, wanted.note)
        return _done(wanted, outcome)

    async def _outcome(self, wanted: ReleaseQuarantined | RejectQuarantined, record: Record, work: Work) -> Outcome:
        if isinstance(wanted, ReleaseQuarantined):
            let_in = replace(self.capture, guard=None)
            return with_visitor(record, (await let_in([InHand(record, None)], work))[0], self.capture.secret)
        arrival, why = arrival_of(record, secret=self.capture.secret), refuse("spam")
        return Produced(
            "rejected",
            (lead_rejected(arrival, why, work.instant),),
            reason=why.code,
            detail=arrival.receipt(),
            fingerprint=arrival.fingerprint(),
        )

    async def _again(
        self, wanted: ReleaseQuarantined | RejectQuarantined, record: Record | None, work: Work
    ) -> Done | Refused:
        """A redelivered command changes nothing; what it published goes out again, from the newest stored state."""
        if record is None:
            return Done({"event_id": wanted.event_id})
        claim = (await lock_decisions(work, [record.event_id]))[record.event_id]
        again = (await self.capture([InHand(record, None, claim.decision)], work))[0]
        outcome = with_visitor(record, again, self.capture.secret)
        return _done(wanted, outcome)


def _done(wanted: ReleaseQuarantined | RejectQuarantined, outcome: Outcome) -> Done:
    produced = outcome if isinstance(outcome, Produced) else None
    result = {
        "event_id": wanted.event_id,
        "outcome": produced.outcome if produced else None,
        "lead_id": produced.subject if produced else None,
    }
    return Done(result, produced.events if produced else (), subject=result["lead_id"])
