"""Commands that capture obeys, and the submission that sources send."""

from typing import Annotated, Any, ClassVar

from annotated_types import Ge, MaxLen
from pydantic import ConfigDict, Field

from shared.contracts.base import Contract
from shared.contracts.commands.timers import TimerDue

LEAD_SUBMITTED = "lead.submitted"
# A header of inbound records: what the sender says is wrong with the value, which is stored as it stood all the same.
DAMAGE_HEADER = "ls_damage"
# On damaged rows of an imported list, which say nothing of it themselves: its name and vendor, as JSON.
LIST_HEADER = "ls_list"

_Short = Annotated[str, MaxLen(256)]
_Long = Annotated[str, MaxLen(2048)]
_Amount = str | int | float


class _Part(Contract):
    """A part of a submission. Unknown fields are welcome: they end up in the lead's `extra`."""

    model_config = ConfigDict(extra="allow")


class SubmittedCompany(_Part):
    """The company text of a submission."""

    name: _Short | None = None
    website: _Long | None = None
    industry: _Short | None = None
    employees: Annotated[int, Ge(0)] | None = None
    annual_revenue: _Amount | None = Field(None, description="`12000000 USD`, `12000000` or a number")


class SubmittedAddress(_Part):
    """A postal address, taken as one value."""

    street: Annotated[str, MaxLen(1024)] | None = None
    city: _Short | None = None
    state: _Short | None = None
    postal_code: _Short | None = None
    country: _Short | None = Field(None, description="Name or ISO 3166-1 code")


class SubmittedTouch(_Part):
    """How the person came. Click ids (`gclid`, `fbclid`, `msclkid`, ...) are fields beside these; case matters."""

    utm_source: _Short | None = None
    utm_medium: _Short | None = None
    utm_campaign: _Short | None = None
    utm_term: _Short | None = None
    utm_content: _Short | None = None
    referrer: _Long | None = None
    landing_page: _Long | None = None
    gclid: _Short | None = None


class SubmittedConsent(_Part):
    """What the person agreed to or refused; further purposes are further booleans."""

    marketing_email: bool | None = None
    marketing_phone: bool | None = None
    text: Annotated[str, MaxLen(20_000)] | None = None
    at: Any = Field(None, description="When, RFC 3339")


class SubmittedList(_Part):
    """The list that a person stands on: bought, gathered or borrowed."""

    name: _Short
    vendor: _Short | None = None
    cost: _Amount | None = Field(None, description="What the whole list cost: `500 EUR`, `500EUR` or a number")
    params: dict[str, Any] | None = Field(None, description="What was asked of the vendor: plain values by name")


class LeadSubmitted(_Part):
    """A lead as sources send it: the body of `POST /v1/leads` and the value on the inbound topics.

    One of e-mail, phone, `external_id` is needed. This describes what is understood; capture's own reading decides,
    and what it refuses is kept and named on `leads.rejected.v1`.
    """

    TYPE: ClassVar[str] = LEAD_SUBMITTED

    external_id: _Short | None = Field(None, description="The source's own id of the lead")
    email: Annotated[str, MaxLen(1024)] | None = None
    emails: Annotated[list[str], MaxLen(50)] | None = None
    phone: _Short | None = None
    phones: Annotated[list[_Short], MaxLen(50)] | None = None
    first_name: _Short | None = None
    last_name: _Short | None = None
    name: _Short | None = None
    title: _Short | None = None
    company: SubmittedCompany | None = None
    address: SubmittedAddress | None = None
    source: _Short | None = None
    campaign: _Short | None = None
    message: Annotated[str, MaxLen(20_000)] | None = None
    budget: _Amount | None = Field(None, description="`50000 USD`, `50000` or a number")
    products: Annotated[list[_Short], MaxLen(100)] | None = None
    touch: SubmittedTouch | None = None
    consent: SubmittedConsent | None = None
    state: Any = Field(None, description="`target`: the person was only listed, and has not responded; else a lead")
    list: SubmittedList | None = Field(None, description="The list that the person stands on")
    entered_by: Any = Field(None, description="Who typed the lead in: a name or an id")
    referrer_ref: Any = Field(
        None, description="Who referred the person: an e-mail address, or `lead:`, `contact:` or `account:` and an id"
    )
    visitor_id: Any = Field(
        None, description="The id of the browser that the person used: what it did before is the lead's"
    )
    extra: dict[str, Any] | None = None


class MergeLeads(Contract):
    """Join two leads that are one person; the winner keeps its id."""

    TYPE: ClassVar[str] = "lead.merge"

    winner_id: str
    loser_id: str
    reason: str


class UnmergeLeads(Contract):
    """Take a merge back: that of `merge_id`, or else the one by which `lead_id` was merged away."""

    TYPE: ClassVar[str] = "lead.unmerge"

    lead_id: str
    merge_id: str | None = None
    reason: str


class MergeDuplicate(Contract):
    """Decide that a pair is one person: the older lead wins unless `winner_id` names the other."""

    TYPE: ClassVar[str] = "duplicate.merge"

    pair_id: str
    winner_id: str | None = None
    reason: str


class KeepDuplicate(Contract):
    """Decide that a pair is two people: they are never asked about again, nor joined without somebody's command."""

    TYPE: ClassVar[str] = "duplicate.keep"

    pair_id: str
    reason: str


class EraseLead(Contract):
    """Erase a person's data: of one lead or several, with all that were merged into them. Holds no personal data: who
    sends it has looked up whose the e-mail address, phone number or external id is."""

    TYPE: ClassVar[str] = "lead.erase"

    lead_id: str = Field(description="Empty where nobody is known and identifiers are kept out only")
    reason: str = Field(description="person_request, consent_withdrawn, source_deleted, retention or unlawful")
    also: list[str] = Field([], description="Further leads of the same person")
    keep_out: list[str] = Field([], description="Keyed digests of identifiers whose earlier records stay out, too")
    requested_by: str = Field("", description="The key that asked for it")
    purged: str | None = Field(
        None, description="What a retention policy purges: junk or target; absent: a person asked"
    )
    waiting: list[str] = Field(
        [], description="Events of the person that are no lead's: submissions in quarantine, behaviour that waits"
    )


class MarkLead(Contract):
    """Note that somebody cannot be reached by a channel, or can again."""

    TYPE: ClassVar[str] = "lead.mark"

    lead_id: str
    mark: str = Field(description="bounced, invalid_phone, opted_out, reachable; of routing: junk, not_junk")
    channel: str | None = Field(None, description="email or phone; opted_out and reachable without one mean all")
    address: str | None = Field(
        None,
        description="Of bounced and invalid_phone: which one, by the digest of its identity; absent: all known ones",
    )
    said_at: str | None = Field(None, description="When it became known, where that was before the command, RFC 3339")
    reason: str
    requested_by: str = ""


class PromoteLead(Contract):
    """A target has responded by a way that no submission tells: it is a lead from now on."""

    TYPE: ClassVar[str] = "lead.promote"

    lead_id: str
    reason: str
    requested_by: str = ""
    clicked_us: int | None = Field(None, description="When the link was clicked by which it responded, microseconds")
    message: str | None = Field(None, description="Digest of the message of that link: a machine clicks all of them")
    timer_id: str | None = Field(None, description="The timer that it was, with its generation")
    generation: int | None = None


class SetTargetList(Contract):
    """What becomes of the targets of a list that do not respond in time."""

    TYPE: ClassVar[str] = "target_list.set"

    list_name: str = Field(description="Empty: of targets of no list, or of one that nothing was set for")
    ttl_days: int
    then: str = Field(description="expire, follow_up or purge")
    campaign: str | None = Field(None, description="The campaign that follows, for follow_up")
    requested_by: str = ""


class ExpireTargets(TimerDue):
    """The earliest target of a list has had its time."""

    TYPE: ClassVar[str] = "targets.expire"

    list_name: str


class HygieneDue(TimerDue):
    """It is time for the nightly look at leads."""

    TYPE: ClassVar[str] = "hygiene.due"


class RunHygiene(Contract):
    """Look at leads now, and not only at night."""

    TYPE: ClassVar[str] = "hygiene.run"

    requested_by: str = ""


class LeadFinding(Contract):
    """What verifiers found out about a lead."""

    lead_id: str
    undeliverable: Annotated[list[str], MaxLen(50)] = Field([], description="E-mail addresses that lead to nobody")
    unreachable: Annotated[list[str], MaxLen(50)] = Field([], description="Phone numbers that lead to nobody")
    risks: Annotated[list[_Short], MaxLen(20)] = Field([], description="Doubts; they become warnings of the lead")
    confirmed: Annotated[list[_Short], MaxLen(50)] = Field([], description="Fields that still hold")
    facts: dict[str, str] = Field({}, description="What holds now: title, company.name")


class CheckLeads(Contract):
    """Take what was found out about a page of leads; each page goes on from the one before it."""

    TYPE: ClassVar[str] = "hygiene.check"

    run_id: str
    after: str | None = Field(None, description="The lead behind which the page begins")
    last: str | None = Field(None, description="The lead behind which the next page begins")
    ends: bool = Field(description="There is no further page")
    complete: bool = Field(True, description="False: a verifier did not answer, and is asked again the night after")
    findings: list[LeadFinding]


class ExportLead(Contract):
    """Note that a person's data is handed out; the answer names the leads to read."""

    TYPE: ClassVar[str] = "lead.export"

    lead_id: str = Field(description="Empty where there is no lead, and only what waits is handed out")
    reason: str
    also: list[str] = []
    requested_by: str = ""
    waiting: list[str] = Field(
        [], description="Events of the person that are no lead's: submissions in quarantine, behaviour that waits"
    )


class FetchLead(Contract):
    """Fetch a lead that a provider has announced, because its notification names it only. Said twice, it is fetched once."""

    TYPE: ClassVar[str] = "lead.fetch"

    source: str
    provider_id: str = Field(description="The provider's own id of the lead")
    notification: str = Field(description="The notification as it came")
    occurred_at: str | None = None


class WithdrawLead(Contract):
    """A provider has deleted a lead: it is not fetched any more, and erased where it was."""

    TYPE: ClassVar[str] = "lead.withdraw"

    source: str
    provider_id: str = Field(description="The provider's own id of the lead")


class ReleaseQuarantined(Contract):
    """Let a submission out of quarantine: it becomes a lead with its own event id and time."""

    TYPE: ClassVar[str] = "quarantine.release"

    event_id: str = Field(description="The submission's event id, which its receipt names")
    requested_by: str
    note: str


class RejectQuarantined(Contract):
    """A submission in quarantine is spam indeed: it ends as rejected."""

    TYPE: ClassVar[str] = "quarantine.reject"

    event_id: str = Field(description="The submission's event id, which its receipt names")
    requested_by: str
    note: str


class RecordConsent(Contract):
    """Note what a person agreed to or took back. A refusal stands until an agreement that is `confirmed`."""

    TYPE: ClassVar[str] = "consent.record"

    lead_id: str
    purpose: str = Field(description="marketing_email, marketing_phone or another one")
    given: bool = Field(description="False: refused or withdrawn")
    confirmed: bool = Field(False, description="By a second step of the person, such as a double opt-in")
    text: str | None = Field(None, description="The wording that was agreed to")
    lawful_basis: str | None = None
    wording_id: str | None = None
    at: str | None = Field(None, description="When it was said, RFC 3339")
    source: str = Field("", description="Where it was said")
    requested_by: str = ""
