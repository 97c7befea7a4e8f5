"""The capture service: constructs everything, starts nothing."""

from fastapi import FastAPI

from services.capture.adapters.limits import Limiter
from services.capture.adapters.postgres.announced import PostgresAnnouncedBook
from services.capture.adapters.postgres.behaviours import PostgresBehaviourBook
from services.capture.adapters.postgres.checks import PostgresCheckBook
from services.capture.adapters.postgres.consents import PostgresConsentBook
from services.capture.adapters.postgres.conversions import PostgresConversionBook
from services.capture.adapters.postgres.doubles import PostgresDoubleBook
from services.capture.adapters.postgres.erasures import PostgresErasureBook
from services.capture.adapters.postgres.leads import PostgresLeadBook
from services.capture.adapters.postgres.likes import PostgresPairBook
from services.capture.adapters.postgres.merges import PostgresMergeBook
from services.capture.adapters.postgres.personal import PERSONAL
from services.capture.adapters.postgres.quarantine import PostgresQuarantineBook
from services.capture.adapters.postgres.receipts import PostgresReceiptBook
from services.capture.adapters.postgres.referrers import PostgresReferrerBook
from services.capture.adapters.postgres.targets import PostgresTargetBook
from services.capture.adapters.postgres.validations import PostgresValidationBook
from services.capture.adapters.providers import providers_of
from services.capture.adapters.redis import IdempotencyMemory, RedisLink
from services.capture.adapters.sources_file import SourcesFile
from services.capture.adapters.verifier_http import HttpVerifier
from services.capture.api.admission import Admission
from services.capture.api.announced import announced_router
from services.capture.api.batch import batch_router
from services.capture.api.consent import consent_router
from services.capture.api.contacts import contacts_router
from services.capture.api.duplicates import duplicates_router
from services.capture.api.events import events_router
from services.capture.api.form_tokens import form_tokens_router
from services.capture.api.forms import forms_router
from services.capture.api.hygiene import hygiene_router
from services.capture.api.intake import Intake
from services.capture.api.judging import judging_router
from services.capture.api.leads import leads_router
from services.capture.api.marking import marking_router
from services.capture.api.matching import matching_router
from services.capture.api.merging import merging_router
from services.capture.api.people import people_router
from services.capture.api.quarantine import quarantine_router
from services.capture.api.receipts import receipts_router
from services.capture.api.snippet import snippet_router
from services.capture.api.targets import targets_router
from services.capture.api.webhooks import webhooks_router
from services.capture.domain.freshness import Hygiene
from services.capture.domain.guard import Guard
from services.capture.domain.hygiene_rules import load_hygiene
from services.capture.domain.source_tree import load_source_tree
from services.capture.domain.spam_rules import load_spam_rules
from services.capture.domain.survivorship import DEFAULT, Survivorship
from services.capture.domain.survivorship_file import load_survivorship
from services.capture.domain.validation import KIND
from services.capture.domain.vocabulary import BUILT_IN, Vocabulary
from services.capture.fetching import Fetching
from services.capture.hygiene import NightlyHygiene, OfflineVerifier
from services.capture.hygiene_ports import Verifier
from services.capture.keeping import keeping
from services.capture.settings import CaptureSettings
from services.capture.sources.register import Formats
from services.capture.subscribers import Books, subscriptions
from shared.contracts.topics import (
    CAPTURED,
    ERASED,
    EVENTS_INBOUND,
    INBOUND,
    LEAD_EVENTS,
    MERGED,
    RECEIPTS_SETTLED,
    REJECTED,
    RULES_PUBLISHED,
)
from shared.runtime.bodies import BODY_LIMIT_BYTES
from shared.runtime.commands_api import commands_router
from shared.runtime.http import create_http, serve
from shared.runtime.person_api import person_router
from shared.runtime.rules_api import rules_router
from shared.runtime.service import Service
from shared.runtime.sweeper import sweeping


def build_app(settings: CaptureSettings | None = None) -> FastAPI:
    """The app. Its intake is ready as soon as Kafka takes records, whatever the lanes and Postgres do."""
    settings = settings or CaptureSettings()
    sources = SourcesFile(settings.capture_sources)
    sources.refresh()
    formats = Formats(lambda: sources.current)
    publishes = [CAPTURED, REJECTED, RECEIPTS_SETTLED, MERGED, ERASED, LEAD_EVENTS, INBOUND, EVENTS_INBOUND]
    publishes.append(RULES_PUBLISHED)
    service = Service("capture", settings, publishes=publishes)
    receipts, announced, quarantine = PostgresReceiptBook(), PostgresAnnouncedBook(), PostgresQuarantineBook()
    leads, pairs = PostgresLeadBook(_survivorship(settings)), PostgresPairBook()
    merges = PostgresMergeBook(leads.survivorship)
    books = Books(
        leads,
        receipts,
        merges,
        pairs,
        PostgresErasureBook(settings.secret_bytes),
        PostgresBehaviourBook(),
        announced,
        PostgresTargetBook(),
        PostgresDoubleBook(),
        quarantine,
        PostgresConsentBook(),
        PostgresCheckBook(),
        PostgresValidationBook(),
        PostgresConversionBook(),
        PostgresReferrerBook(),
    )
    hygiene = _hygiene(settings)
    service.subscriptions.extend(
        subscriptions(
            books,
            secret=settings.secret_bytes,
            default_region=settings.default_region,
            guard=_guard(settings),
            vocabulary=_vocabulary(settings),
            survivorship=leads.survivorship,
            max_records=settings.max_records,
            bulk_pause_lag=settings.bulk_pause_lag,
            formats=formats,
            double_window_s=settings.double_submit_s,
            signs=settings.signs,
            hygiene=hygiene,
        )
    )
    redis = RedisLink(settings.redis_url.get_secret_value(), settings.redis_timeout_s)
    service.background.extend((redis.running, sources.running, sweeping(service), keeping(service, settings)))
    limiter = Limiter(redis, settings.limits, settings.secret_bytes, prefix=f"leadstream:{settings.topic_prefix}limit:")
    admission = Admission(limiter)
    intake = Intake(service, settings, IdempotencyMemory(redis, settings.idempotency_memory_s), admission)
    fetching = Fetching(service, intake, sources, announced, providers_of(settings))
    service.background.append(fetching.running)
    service.background.append(NightlyHygiene(service, leads, hygiene, _verifiers(settings)).running)
    routers = [
        leads_router(intake),
        contacts_router(intake),
        batch_router(intake),
        webhooks_router(intake, sources),
        forms_router(intake, sources),
        form_tokens_router(intake),
        events_router(intake),
        snippet_router(),
        judging_router(service),
        receipts_router(service, receipts, settings.secret_bytes),
        merging_router(service, merges),
        duplicates_router(service, leads, pairs),
        marking_router(service),
        targets_router(service),
        hygiene_router(service, leads, hygiene),
        matching_router(service, leads, books.validations, settings.default_region),
        announced_router(service),
        quarantine_router(service, quarantine, settings.secret_bytes),
        consent_router(service),
        people_router(service, settings.secret_bytes, settings.default_region),
        person_router(service, PERSONAL),
        rules_router(service, KIND),
        commands_router(service),
    ]
    limit = max(BODY_LIMIT_BYTES, settings.batch_limit_bytes)
    return create_http(service, routers, ready=lambda: _intake_reasons(service), body_limit_bytes=limit)


def _guard(settings: CaptureSettings) -> Guard:
    """What tells spam. Raises RuleFileError for a file that is none: better no start than no guard."""
    file = settings.spam_rules
    return Guard.of(load_spam_rules(file.read_bytes(), file=str(file)), settings.secret_bytes)


def _vocabulary(settings: CaptureSettings) -> Vocabulary:
    """What sources are called. Raises RuleFileError for a file that is none."""
    file = settings.source_vocabulary
    return BUILT_IN if file is None else load_source_tree(file.read_bytes(), file=str(file)).vocabulary()


def _survivorship(settings: CaptureSettings) -> Survivorship:
    """Which record decides a field. Raises RuleFileError for a file that is none."""
    file = settings.survivorship
    return DEFAULT if file is None else load_survivorship(file.read_bytes(), file=str(file))


def _hygiene(settings: CaptureSettings) -> Hygiene:
    """When leads are looked at, and what is stale. Raises RuleFileError for a file that is none."""
    file = settings.hygiene_rules
    return load_hygiene(file.read_bytes(), file=str(file))


def _verifiers(settings: CaptureSettings) -> list[Verifier]:
    """Who finds out whether leads can be reached: always the one that needs nobody, and one of the installation's own."""
    verifiers: list[Verifier] = [OfflineVerifier()]
    if settings.hygiene_verifier_url:
        key = settings.hygiene_verifier_key.get_secret_value()
        verifiers.append(HttpVerifier(settings.hygiene_verifier_url, key))
    return verifiers


def _intake_reasons(service: Service) -> list[str]:
    """Why no receipts can be given out now; empty when they can."""
    if service.raw is None:
        return [service.phase]
    return [] if service.raw.available else ["Kafka does not take records"]


if __name__ == "__main__":
    serve(build_app)
