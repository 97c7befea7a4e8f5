"""A submission to clean facts: every field normalised, originals that changed kept beside, doubts noted as warnings."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from services.capture.domain.consent import clean_consent
from services.capture.domain.fact_shape import EmailEntry, Facts, PhoneEntry
from services.capture.domain.normalise.address import normalise_address
from services.capture.domain.normalise.company import normalise_company, registrable_domain
from services.capture.domain.normalise.email import domain_of, mailboxes_of, normalise_email
from services.capture.domain.normalise.name import split_name
from services.capture.domain.normalise.phone import normalise_phone
from services.capture.domain.normalise.text import clean_text
from services.capture.domain.payload import JSON_TYPE
from services.capture.domain.refusal import Refused, refuse
from services.capture.domain.submission import (
    CLICK_IDS,
    Address,
    Company,
    Money,
    Submission,
    Touch,
    parse_submission,
)
from services.capture.domain.vocabulary import UNMAPPED, map_source


class CleanSubmission(NamedTuple):
    """What a submission says, normalised: its facts, and what identity is decided by."""

    facts: Facts
    external_id: str | None
    emails: tuple[str, ...]
    phones: tuple[str, ...]
    click_ids: tuple[tuple[str, str], ...]
    first_name: str | None
    last_name: str | None


def read_submission(
    raw: bytes, content_type: str = JSON_TYPE, *, default_region: str | None = None
) -> CleanSubmission | Refused:
    """Parse, validate and normalise a body. Never raises. `default_region` reads phone numbers without a country."""
    submission = parse_submission(raw, content_type)
    if isinstance(submission, Refused):
        return submission
    return normalise_submission(submission, default_region=default_region)


def normalise_submission(submission: Submission, *, default_region: str | None = None) -> CleanSubmission | Refused:
    """The clean facts; refused only when nothing identifies the person (`no_identifier`, `invalid_email`)."""
    notes = _Notes()
    if submission.address is not None:
        _take_address(notes, submission.address)
    region = notes.f["address"].get("country") if "address" in notes.f else None
    emails = _clean_emails(submission)
    phones = _clean_phones(submission, region or default_region)
    external_id = clean_text(submission.external_id) if submission.external_id else None
    if external_id is None and not phones and not any(entry[0] for entry in emails):
        return refuse("invalid_email", "email") if emails else refuse("no_identifier")
    _take_person(notes, submission)
    if submission.company is not None:
        _take_company(notes, submission.company)
    _take_source(notes, submission)
    click_ids = _take_touch(notes, submission.touch) if submission.touch is not None else ()
    return _assemble(notes, submission, external_id, emails, phones, click_ids)


class _Notes:
    """Facts in the making: values, originals and warnings by unit, `extra` by key."""

    __slots__ = ("f", "o", "r", "t", "w", "x")

    def __init__(self) -> None:
        self.f: dict[str, Any] = {}
        self.o: dict[str, Any] = {}
        self.r: dict[str, Any] = {}
        self.w: dict[str, list[str]] = {}
        self.x: dict[str, Any] = {}
        self.t: dict[str, Any] = {}

    def text(self, unit: str, sent: str | None) -> str | None:
        """Take a text field; its original is kept when trimming or composing changed it."""
        if not sent:
            return None
        value = clean_text(sent)
        if value is not None:
            self.f[unit] = value
            if value != sent:
                self.r[unit] = sent
        return value

    def money(self, unit: str, sent: Money | None) -> None:
        if sent is not None:
            self.f[unit] = [format(sent.amount, "f"), sent.currency]

    def unknown(self, fields: Mapping[str, Any] | None, prefix: str = "") -> None:
        """Keep what the contract does not know; a taken key gets a longer name instead of replacing anything."""
        if not fields:
            return
        for key, value in fields.items():
            name = prefix + key
            while name in self.x:
                name += "_"
            self.x[name] = value


def _take_person(notes: _Notes, submission: Submission) -> None:
    first = notes.text("first_name", submission.first_name)
    last = notes.text("last_name", submission.last_name)
    full = notes.text("name", submission.name)
    if full and not first and not last:
        parts = split_name(full)
        if parts.first:
            notes.f["first_name"] = parts.first
        if parts.last:
            notes.f["last_name"] = parts.last
    notes.text("title", submission.title)
    notes.text("message", submission.message)
    notes.money("budget", submission.budget)
    if submission.products:
        products = dict.fromkeys(filter(None, map(clean_text, submission.products)))
        if products:
            notes.f["products"] = list(products)


def _take_company(notes: _Notes, company: Company) -> None:
    if company.name:
        value, key, _ = normalise_company(company.name)
        if value is not None:
            notes.f["company.name"] = [value, key]
            if value != company.name:
                notes.r["company.name"] = company.name
    if company.website and (website := clean_text(company.website)):
        domain = registrable_domain(website)
        notes.f["company.website"] = [website, domain]
        if domain is None:
            notes.w["company.website"] = ["website_unparseable"]
        if website != company.website:
            notes.r["company.website"] = company.website
    notes.text("company.industry", company.industry)
    if company.employees is not None:
        notes.f["company.employees"] = company.employees
    notes.money("company.annual_revenue", company.annual_revenue)
    notes.unknown(company.__pydantic_extra__, "company.")


def _take_address(notes: _Notes, address: Address) -> None:
    parts, raw, warnings = normalise_address(address.__dict__)
    if parts:
        notes.f["address"] = parts
    if raw:
        notes.r["address"] = raw
    if warnings:
        notes.w["address"] = list(warnings)
    notes.unknown(address.__pydantic_extra__, "address.")


def _take_source(notes: _Notes, submission: Submission) -> None:
    if submission.source and (sent := clean_text(submission.source)):
        source, detail = map_source(sent)
        notes.o["source"] = [source, detail, submission.source]
        notes.t["source"] = source
        if detail:
            notes.t["source_detail"] = detail
        if source == UNMAPPED:
            notes.w["source"] = ["source_unmapped"]
    if submission.campaign and (campaign := clean_text(submission.campaign)):
        notes.o["campaign"] = notes.t["campaign"] = campaign


def _take_touch(notes: _Notes, touch: Touch) -> tuple[tuple[str, str], ...]:
    given = {key: value for key, value in touch.__dict__.items() if value}
    notes.t.update(given)
    notes.unknown(touch.__pydantic_extra__, "touch.")
    return tuple((key, given[key]) for key in CLICK_IDS if key in given)


def _clean_emails(submission: Submission) -> list[EmailEntry]:
    """One entry an address, the first spelling of each; an address that is none has no key and keeps its original."""
    sent = [submission.email] if submission.email else []
    entries: list[EmailEntry] = []
    seen: set[str] = set()
    for raw in sent + (submission.emails or []):
        value, key, _ = normalise_email(raw)
        if (key or raw) in seen or (value is None and clean_text(raw) is None):
            continue
        seen.add(key or raw)
        original = raw if raw != value else None
        if key is None:
            entries.append([None, None, original, None, None])
            continue
        kind, company_domain = mailboxes_of(domain_of(key))
        entries.append([key, value, original, kind, company_domain])
    return entries


def _clean_phones(submission: Submission, region: str | None) -> list[PhoneEntry]:
    """One entry a number; what cannot be read has no value and keeps its original."""
    sent = [submission.phone] if submission.phone else []
    entries: list[PhoneEntry] = []
    seen: set[str] = set()
    for raw in sent + (submission.phones or []):
        value, key, _ = normalise_phone(raw, region)
        if (value or raw) in seen or (value is None and clean_text(raw) is None):
            continue
        seen.add(value or raw)
        entries.append([key, value, raw if raw != value else None])
    return entries


def _assemble(
    notes: _Notes,
    submission: Submission,
    external_id: str | None,
    emails: list[EmailEntry],
    phones: list[PhoneEntry],
    click_ids: tuple[tuple[str, str], ...],
) -> CleanSubmission:
    facts: Facts = {"f": notes.f, "t": notes.t}
    if submission.consent is not None:
        clean_consent(submission.consent, facts, notes.unknown, notes.w)
    notes.unknown(submission.extra)
    notes.unknown(submission.__pydantic_extra__)
    _add_given(facts, notes)
    if emails:
        facts["e"] = emails
    if phones:
        facts["p"] = phones
    return CleanSubmission(
        facts=facts,
        external_id=external_id,
        emails=tuple([entry[0] for entry in emails if entry[0]]),
        phones=tuple([entry[0] for entry in phones if entry[0]]),
        click_ids=click_ids,
        first_name=notes.f.get("first_name"),
        last_name=notes.f.get("last_name"),
    )


def _add_given(facts: Facts, notes: _Notes) -> None:
    """The parts that are not empty."""
    if notes.o:
        facts["o"] = notes.o
    if notes.r:
        facts["r"] = notes.r
    if notes.w:
        facts["w"] = notes.w
    if notes.x:
        facts["x"] = notes.x
