"""Usable records with the leads that they make by themselves, and refusals as outcomes."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from services.capture.domain.doubles import body_digest
from services.capture.domain.fact_shape import Facts, LeadFacts
from services.capture.domain.hygiene import CleanSubmission
from services.capture.domain.people import Submitted, stamp_of_record, submission_facts, submitted
from services.capture.domain.refusal import Refused, stored_refusal
from services.capture.domain.survivorship import Survivorship
from services.capture.domain.validation import Validation
from services.capture.domain.view import lead_view
from services.capture.handlers.arrivals import Arrival
from services.capture.handlers.events import lead_captured, lead_rejected
from shared.handling.outcomes import Decision, OutEvent, Produced
from shared.handling.work import Work

RULE: Final = "rule"
_NO_LIST: Final = {"name": ""}
_new: Final = tuple.__new__  # for what is made for each record: a third of the time of a named tuple's own way


Clean: TypeAlias = tuple[int, Arrival, CleanSubmission]
"""A clean submission by its place in the batch."""


class Read(NamedTuple):
    """A usable record: its submission, and the event that it leads to if the lead is new. While it is read, all that it
    leads to is at hand; most leads are new, and are not looked into again."""

    arrival: Arrival
    submission: Submitted
    captured: OutEvent
    listed: str | None = None
    """The list of a target, empty where that has no name."""
    digest: str | None = None
    agreed: Facts | None = None
    """The facts that say what the person agreed to or refused, where any do."""


def read_clean(
    clean: Sequence[Clean],
    work: Work,
    secret: bytes,
    survivorship: Survivorship,
    validation: Validation,
) -> Iterator[tuple[int, Read | Produced]]:
    """Clean submissions by place, with what they lead to if their leads are new; the rejection of those that the rules do
    not take."""
    facts = [facts_alone(arrival, each, survivorship) for _, arrival, each in clean]
    submissions = [
        submitted(each, known, arrival.record.event_id, source=arrival.source)
        for (_, arrival, each), known in zip(clean, facts, strict=True)
    ]
    views = [lead_view(known, each.as_new.lead_id) for known, each in zip(facts, submissions, strict=True)]
    for (place, arrival, each), submission, view in zip(clean, submissions, views, strict=True):
        if validation.rules and (why := validation.refusal(view, arrival.source)) is not None:
            yield place, refused(arrival, why, work)
            continue
        captured = lead_captured(arrival, "new", None, submission.as_new, work.instant, lead=view)
        listed = view.get("list", _NO_LIST)["name"] if "m" in each.facts else None
        digest = body_digest(each, arrival.form, secret=secret) if arrival.form else None
        agreed = each.facts if "c" in each.facts else None
        yield place, _new(Read, (arrival, submission, captured, listed, digest, agreed))


def facts_alone(arrival: Arrival, clean: CleanSubmission, survivorship: Survivorship) -> LeadFacts:
    """The facts of a lead that has this submission only."""
    record = arrival.record
    stamp = stamp_of_record(record.timestamp, record.partition, record.offset, record.event_id)
    touched_at = arrival.touched_at
    return submission_facts(clean, stamp, source=arrival.source, touched_at=touched_at, survivorship=survivorship)


def refused(arrival: Arrival, why: Refused, work: Work) -> Produced:
    """The outcome of a submission that is refused."""
    detail: dict[str, Any] = arrival.receipt(why.field)
    if why.rule is not None:
        detail |= {RULE: why.rule, "said": why.detail, "rules": dict(why.rules or {})}
    return Produced(
        "rejected",
        (lead_rejected(arrival, why, work.instant),),
        reason=why.code,
        detail=detail,
        fingerprint=arrival.fingerprint(),
    )


def refusal_of(decision: Decision) -> Refused:
    """The refusal that was stored with a decision."""
    detail = decision.detail or {}
    why = stored_refusal(decision.reason, detail.get("field"))
    if RULE not in detail:
        return why
    return Refused(why.code, why.field, detail["said"], detail[RULE], detail["rules"])
