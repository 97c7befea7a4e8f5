"""The file of sources: which there are, of which kind, with which secrets and mapping. Refused whole, with every place."""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BeforeValidator, Field

from services.capture.domain.placing import FieldMapping, is_place
from shared.rules import (
    RuleFault,
    RuleFileError,
    RuleModel,
    RuleSetHeader,
    Text,
    canonical_json,
    expected,
    load_rule_document,
)
from shared.rules.loading import load_yaml

Kind: TypeAlias = Literal[
    "form",
    "salesforce",
    "google",
    "meta",
    "linkedin",
    "typeform",
    "hubspot",
    "generic",
    "social",
    "intent",
    "mail",
    "calls",
]
FormKind: TypeAlias = Literal["landing_page", "popup", "signup", "contact"]
Resolve: TypeAlias = Callable[["Secret"], str | None]

_NEED_SECRET: Final = frozenset({"google", "meta", "linkedin", "typeform"})
_PROVIDER_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")
# Signed by a scheme of their own choice, or not at all.
_BY_SCHEME: Final = frozenset({"generic", "social", "intent", "mail", "calls"})
_FETCHED: Final = frozenset({"meta", "linkedin"})


def _instant(value: Any) -> Any:
    """An RFC 3339 instant with a zone."""
    try:
        instant = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise expected("an instant with a zone, such as 2026-01-31T00:00:00Z")
    return instant


Instant = Annotated[datetime, BeforeValidator(_instant)]


def _provider_id(value: Any) -> Any:
    if not isinstance(value, str | int) or isinstance(value, bool) or not _PROVIDER_ID.fullmatch(str(value)):
        raise expected("an id of letters, digits, dashes and underscores")
    return str(value)


ProviderId = Annotated[str, BeforeValidator(_provider_id)]


class Secret(RuleModel):
    """A secret by where it is found, and when it counts. Several that count at once make a rotation."""

    env: Text | None = None
    """The name of an environment variable of the service."""
    file: Text | None = None
    """A file that holds it; read again whenever it changes, so that a secret can be replaced without a restart."""
    not_before: Instant | None = None
    not_after: Instant | None = None


class Signature(RuleModel):
    """How a sender of the generic webhook proves who it is."""

    scheme: Literal["standard", "hmac", "timestamped", "token"]
    """`standard`: Standard Webhooks; `hmac`: HMAC-SHA256 of the body; `timestamped`: `t=…,v1=…`; `token`: the secret."""
    header: Text | None = None
    prefix: Annotated[str, Field(max_length=32)] = ""
    encoding: Literal["hex", "base64"] = "hex"


class InputMapping(RuleModel):
    """Inputs to fields of a lead."""

    version: Annotated[int, Field(ge=1)]
    fields: Annotated[dict[str, str | None], Field(max_length=1000)] = {}
    """Input -> field. An input is a path such as `person.mail`, a form's field, a provider's question."""
    constants: dict[str, str] = {}
    leads: Text | None = None
    """Path of the list of leads, where a payload may hold several."""
    event_id: Text | None = None
    """Path of the sender's own id of the event, by which a redelivery is known."""
    occurred_at: Text | None = None
    test: Text | None = None
    """Path of what is true for a test."""


class SourceEntry(RuleModel):
    """One source, as it is written."""

    kind: Kind
    disabled: bool = False
    secrets: tuple[Secret, ...] = ()
    mapping: Text | None = None
    lead_source: Text | None = None
    """What its leads say of where they came from, where they do not say it themselves."""
    campaign: Text | None = None
    form_kind: FormKind | None = None
    """Of a form: what it is on the page."""
    oid: Text | None = None
    """Of Salesforce's web-to-lead: the organisation's id that the form sends."""
    return_urls: tuple[Text, ...] = ()
    """Where a form may send the browser afterwards: prefixes of URLs. The first is taken where a form names none."""
    address: Text | None = None
    """Of HubSpot, which signs it: the whole URL at which it calls, where a proxy in between changes that."""
    signature: Signature | None = None
    signed: bool = False
    """Of LinkedIn: refuse what carries no signature."""
    verify_token: Secret | None = None
    """Of Meta: what its subscription's challenge must know."""
    forms: tuple[ProviderId, ...] = ()
    """The provider's ids of the forms (of LinkedIn: the accounts) that a backfill reads."""
    token: Secret | None = None
    """The access token with which leads are fetched from the provider."""


class SourcesFile(RuleSetHeader):
    """All sources."""

    kind: Literal["sources"]
    mappings: dict[str, InputMapping] = {}
    sources: dict[str, SourceEntry] = {}

    def find_faults(self) -> Iterable[RuleFault]:
        """What single values do not show."""
        for name, mapping in self.mappings.items():
            yield from _mapping_faults(mapping, ("mappings", name))
        for name, entry in self.sources.items():
            yield from self._entry_faults(name, entry)

    def _entry_faults(self, name: str, entry: SourceEntry) -> Iterator[RuleFault]:
        path = ("sources", name)
        if not (name.isascii() and name.replace("-", "").replace("_", "").isalnum() and len(name) <= 64):
            yield RuleFault(path, "a name of letters, digits, dashes and underscores, 64 at most", at_key=True)
        if entry.mapping is not None and entry.mapping not in self.mappings:
            yield RuleFault((*path, "mapping"), "the name of a mapping of this file")
        if entry.kind in _NEED_SECRET and not entry.secrets:
            yield RuleFault(path, f"secrets, without which nobody can tell that it is {entry.kind}")
        if entry.kind == "meta" and entry.verify_token is None:
            yield RuleFault(path, "verify_token, which Meta's subscription must know")
        if entry.kind in _FETCHED and entry.token is None:
            yield RuleFault(path, "token, with which its leads are fetched")
        if entry.kind == "form" and entry.form_kind is None:
            yield RuleFault(path, "form_kind: landing_page, popup, signup or contact")
        if entry.kind == "salesforce" and entry.oid is None:
            yield RuleFault(path, "oid, which the form sends")
        if entry.kind in _BY_SCHEME and entry.signature is not None and not entry.secrets:
            yield RuleFault(path, "secrets for its signature")
        if entry.kind in _BY_SCHEME and entry.signature is None and entry.secrets:
            yield RuleFault(path, "signature, which says what the secrets are for")
        for number, secret in enumerate(entry.secrets):
            yield from _secret_faults(secret, (*path, "secrets", number))
        for place, single in (("token", entry.token), ("verify_token", entry.verify_token)):
            if single is not None:
                yield from _secret_faults(single, (*path, place))
        if entry.address is not None and not entry.address.startswith(("https://", "http://")):
            yield RuleFault(
                (*path, "address"), "a whole URL", "such as https://leads.example.com/v1/webhooks/hubspot/x"
            )
        for number, url in enumerate(entry.return_urls):
            if not url.startswith(("https://", "http://")) or url.count("/") < 3:
                yield RuleFault(
                    (*path, "return_urls", number), "a whole URL with a path", "such as https://example.com/"
                )


def _secret_faults(secret: Secret, path: tuple[str | int, ...]) -> Iterator[RuleFault]:
    if (secret.env is None) == (secret.file is None):
        yield RuleFault(path, "one of env and file")
    if secret.not_before and secret.not_after and secret.not_before >= secret.not_after:
        yield RuleFault((*path, "not_after"), "an instant after not_before")


def _mapping_faults(mapping: InputMapping, path: tuple[str | int, ...]) -> Iterator[RuleFault]:
    for name, place in mapping.fields.items():
        if place is not None and not is_place(place):
            yield RuleFault((*path, "fields", name), "a field of a lead, or extra")
    for place in mapping.constants:
        if not is_place(place) or place == "extra":
            yield RuleFault((*path, "constants", place), "a field of a lead", at_key=True)


@dataclass(frozen=True, slots=True)
class ValidSecret:
    """A secret's value, and when it counts. Never shown."""

    value: bytes = field(repr=False)
    not_before: datetime | None = None
    not_after: datetime | None = None

    def counts(self, at: datetime) -> bool:
        """Whether it may be used at this instant."""
        return (self.not_before is None or at >= self.not_before) and (self.not_after is None or at < self.not_after)


@dataclass(frozen=True, slots=True)
class ConfiguredSource:
    """One source, ready to be used."""

    name: str
    entry: SourceEntry
    mapping: FieldMapping | None = None
    paths: InputMapping | None = None
    secrets: tuple[ValidSecret, ...] = field(default=(), repr=False)
    token: ValidSecret | None = field(default=None, repr=False)
    verify_token: ValidSecret | None = field(default=None, repr=False)

    @property
    def kind(self) -> str:
        """Its kind, which is the format of its records."""
        return self.entry.kind

    def secrets_at(self, at: datetime) -> list[bytes]:
        """The secrets that count at an instant."""
        return [secret.value for secret in self.secrets if secret.counts(at)]


@dataclass(frozen=True, slots=True)
class Sources:
    """All sources of one version of the file."""

    version: str
    by_name: Mapping[str, ConfiguredSource]

    def of_oid(self, oid: str) -> ConfiguredSource | None:
        """The web-to-lead form of a Salesforce organisation's id."""
        wanted = (source for source in self.by_name.values() if source.entry.oid is not None)
        return next((source for source in wanted if source.entry.oid == oid), None)


NO_SOURCES: Final = Sources("none", {})


def load_sources(text: bytes, resolve: Resolve, *, file: str) -> Sources:
    """The sources of a file. Raises RuleFileError with every problem, by line and column; `resolve` finds secrets."""
    loaded = load_rule_document(text, SourcesFile, file=file)
    faults: list[RuleFault] = []
    found = {
        name: _configure(name, entry, loaded.model, resolve, faults) for name, entry in loaded.model.sources.items()
    }
    if faults:
        places = load_yaml(text, file=file)
        raise RuleFileError(map(places.problem, faults))
    return Sources(f"{loaded.model.version or 0}:{loaded.content_hash[:8]}", found)


def _configure(
    name: str, entry: SourceEntry, document: SourcesFile, resolve: Resolve, faults: list[RuleFault]
) -> ConfiguredSource:
    path = ("sources", name)
    secrets = [
        _resolved(secret, (*path, "secrets", number), resolve, faults) for number, secret in enumerate(entry.secrets)
    ]
    token, verify_token = (
        _resolved(single, (*path, place), resolve, faults) if single is not None else None
        for place, single in (("token", entry.token), ("verify_token", entry.verify_token))
    )
    paths = document.mappings.get(entry.mapping) if entry.mapping is not None else None
    mapping = _field_mapping(entry.mapping, paths) if entry.mapping is not None and paths is not None else None
    return ConfiguredSource(name, entry, mapping, paths, tuple(secrets), token, verify_token)


def _resolved(secret: Secret, path: tuple[str | int, ...], resolve: Resolve, faults: list[RuleFault]) -> ValidSecret:
    value = resolve(secret)
    if not value:
        where = "an environment variable that is set" if secret.env else "a file that can be read and is not empty"
        faults.append(RuleFault((*path, "env" if secret.env else "file"), where))
    return ValidSecret((value or "").encode(), secret.not_before, secret.not_after)


def _field_mapping(name: str, mapping: InputMapping) -> FieldMapping:
    """The label names the mapping, its version, and a digest, since a version may be forgotten."""
    digest = hashlib.sha256(canonical_json(mapping).encode()).hexdigest()[:8]
    fields = {input_: place or "extra" for input_, place in mapping.fields.items()}
    return FieldMapping(f"{name}@{mapping.version}:{digest}", fields)
