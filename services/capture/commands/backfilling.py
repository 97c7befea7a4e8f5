"""`leadstream backfill`: leads of a range of time from their provider, under the ids that its webhooks give them."""

import asyncio
import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import typer
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from services.capture.adapters.export_file import ExportFile
from services.capture.adapters.providers import providers_of
from services.capture.adapters.sources_file import read_sources
from services.capture.api.elements import element_record
from services.capture.commands.ending import FOUND_WRONG, MISUSED, NOT_THERE, end, print_json
from services.capture.domain.payload import JSON_TYPE
from services.capture.importing.publishing import bulk_producer
from services.capture.ports import Fetched, LeadProvider, NotEver, NotNow
from services.capture.settings import CaptureSettings
from services.capture.sources.configured import ConfiguredSource, Sources
from services.capture.sources.protocol import Element
from shared.contracts.topics import INBOUND_BULK
from shared.messaging.raw_producer import IntakeUnavailable, RawProducer
from shared.rules import RuleFileError

_GIVE_UP_S: Final = 300.0
_DEADLINE_S: Final = 15.0
_FIRST_WAIT_S: Final = 2.0


def check_file(path: Path, *, as_json: bool) -> None:
    """Say what is wrong with a file of sources; exit code 1 when something is."""
    sources = _sources(path)
    found = {name: source.kind for name, source in sorted(sources.by_name.items())}
    if as_json:
        print_json({"version": sources.version, "sources": found})
        return
    typer.echo(f"{path}: {len(found)} sources, version {sources.version}")
    for name, kind in found.items():
        typer.echo(f"  {name}: {kind}")


def backfill_source(name: str, since: str, until: str, export: Path | None, *, as_json: bool) -> None:
    """Backfill a source, and say how many leads were sent. Run again it sends the same, and changes nothing."""
    start, end_ = _instant("--since", since), _instant("--until", until)
    if start >= end_:
        end(MISUSED, "--since must come before --until")
    settings = _settings()
    if settings.capture_sources is None:
        end(NOT_THERE, "LEADSTREAM_CAPTURE_SOURCES is not set: it names the file of sources")
    source = _sources(settings.capture_sources).by_name.get(name)
    if source is None:
        end(MISUSED, f"the file of sources has no source {name}")
    if export is not None and not export.is_file():
        end(MISUSED, f"there is no file {export}")
    provider = ExportFile(export) if export is not None else providers_of(settings).get(source.kind)
    if provider is None:
        end(MISUSED, f"leads of kind {source.kind} cannot be listed by their provider: give an export with --file")
    if export is None and not (source.entry.forms and source.token):
        end(MISUSED, f"the source {name} names no forms and token, with which its provider can be asked")
    try:
        sent = asyncio.run(backfill_leads(settings, source, provider, start, end_))
    except (IntakeUnavailable, KafkaError, OSError) as error:
        end(NOT_THERE, f"Kafka does not take the leads ({type(error).__name__}); run the command again")
    if as_json:
        print_json({"source": name, **sent})
    else:
        typer.echo(f"{name}: {sent['sent']} leads sent; those that are known already change nothing")
    if sent["stopped"] is not None:
        end(FOUND_WRONG, f"the provider stopped answering: {sent['stopped']}; run the command again")


async def backfill_leads(
    settings: CaptureSettings, source: ConfiguredSource, provider: LeadProvider, since: datetime, until: datetime
) -> dict[str, Any]:
    """Pages as they come; a provider that cannot now is asked again from the start, which sends nothing twice that counts."""
    deadline, wait_s = time.monotonic() + _GIVE_UP_S, _FIRST_WAIT_S
    seen: set[str] = set()
    try:
        async with bulk_producer(settings) as producer:
            while True:
                why = await _pages(settings, source, provider, since, until, producer, seen)
                if not isinstance(why, NotNow) or time.monotonic() + wait_s > deadline:
                    return {"sent": len(seen), "stopped": why.reason if why is not None else None}
                await asyncio.sleep(max(wait_s, why.after_s or 0.0))
                wait_s *= 2
    finally:
        await provider.close()


async def _pages(
    settings: CaptureSettings,
    source: ConfiguredSource,
    provider: LeadProvider,
    since: datetime,
    until: datetime,
    producer: RawProducer,
    seen: set[str],
) -> NotNow | NotEver | None:
    async for page in provider.listed(source, since, until):
        if isinstance(page, NotNow | NotEver):
            return page
        await _send(settings, source, page, producer, seen)
    return None


async def _send(
    settings: CaptureSettings,
    source: ConfiguredSource,
    page: Sequence[Fetched],
    producer: RawProducer,
    seen: set[str],
) -> None:
    incoming = [
        element_record(
            Element(lead.raw, lead.provider_id, is_test=lead.is_test, occurred_at=lead.occurred_at),
            JSON_TYPE,
            source,
            secret=settings.secret_bytes,
            at=datetime.now(UTC),
            region=settings.default_region,
        )
        for lead in page
    ]
    fresh = {each.event_id: each.record for each in incoming if each.event_id not in seen}
    await producer.send(INBOUND_BULK, list(fresh.values()), deadline_s=_DEADLINE_S)
    seen.update(fresh)


def _settings() -> CaptureSettings:
    try:
        return CaptureSettings()
    except ValidationError:
        end(NOT_THERE, "LEADSTREAM_SECRET is not set, or shorter than 16; `make up` writes it to .leadstream/env")


def _sources(path: Path) -> Sources:
    try:
        return read_sources(path, os.environ, set())
    except RuleFileError as error:
        end(FOUND_WRONG, "\n".join(map(str, error.problems)))
    except OSError as error:
        end(MISUSED, f"{path} cannot be read: {error.strerror}")


def _instant(option: str, given: str) -> datetime:
    try:
        instant = datetime.fromisoformat(given)
    except ValueError:
        end(MISUSED, f"{option} is an instant, such as 2026-02-01T00:00Z")
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)
