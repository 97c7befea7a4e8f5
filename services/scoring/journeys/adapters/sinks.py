"""Channels as they are configured: a file, an SMTP server, a webhook. Each gets an idempotency key with every message."""

import asyncio
import smtplib
from collections.abc import Mapping
from dataclasses import asdict
from email.message import EmailMessage
from pathlib import Path
from typing import Annotated, Final, Literal, Protocol, TypeAlias

import orjson
import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, TypeAdapter, ValidationError

from services.scoring.journeys.adapters.guarded import Blocked, GuardedPost
from services.scoring.journeys.domain.rendering import Rendered

_TIMEOUT_S: Final = 20.0
_LASTING: Final = 500  # SMTP and HTTP alike: 5xx of SMTP last, those of HTTP pass
# What a wrong secret or address of ours is answered with passes too: somebody will set it right.
_PASSES: Final = frozenset({401, 403, 404, 407, 408, 425, 429})


class NotNow(Exception):
    """It may well succeed later. The text is a registered word, never what a server said."""


class NotEver(Exception):
    """It will not succeed however often it is tried."""


class Sink(Protocol):
    """Where a channel's messages go. The same key may come again: what has it already, passes it over."""

    async def deliver(self, message: Rendered) -> None:
        """Hand a message over. Raises NotNow and NotEver."""
        ...


class _Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class FileConfig(_Config):
    """One JSON object a line."""

    sink: Literal["file"]
    path: Path


class SmtpConfig(_Config):
    """An SMTP server; with a user, over TLS only."""

    sink: Literal["smtp"]
    host: str
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    sender: str
    user: str | None = None
    password: SecretStr = SecretStr("")
    starttls: bool = True


class WebhookConfig(_Config):
    """A POST of JSON with the header `Idempotency-Key`; signed where there is a secret (`docs/journeys.md`)."""

    sink: Literal["webhook"]
    url: str
    secret: SecretStr = SecretStr("")
    allow_private: bool = False


SinkConfig: TypeAlias = Annotated[FileConfig | SmtpConfig | WebhookConfig, Field(discriminator="sink")]
_CONFIGS: Final = TypeAdapter(dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")], SinkConfig])


class ChannelsError(ValueError):
    """The file of channels is none; says where and what was expected, without values."""


def read_channels(text: str | bytes) -> Mapping[str, SinkConfig]:
    """Channels by name. Raises ChannelsError."""
    try:
        return _CONFIGS.validate_python(yaml.safe_load(text) or {})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ChannelsError(f"channels: {place}: {first['msg']}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark is not None else ""
        raise ChannelsError(f"channels: no YAML{line}") from None


def sink_of(config: SinkConfig) -> Sink:
    """The sink. Raises ChannelsError for a webhook's address that may not be asked."""
    match config:
        case FileConfig():
            return FileSink(config.path)
        case SmtpConfig():
            return SmtpSink(config)
        case WebhookConfig():
            try:
                return WebhookSink(config)
            except Blocked as error:
                raise ChannelsError(f"channels: url: {error}") from None


class FileSink:
    """Appends a line a message; for tests, and for whoever reads files."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def deliver(self, message: Rendered) -> None:
        """See Sink."""
        try:
            await asyncio.to_thread(self._append, orjson.dumps(_body(message)) + b"\n")
        except OSError as error:
            raise NotNow(f"file_{type(error).__name__}") from None

    def _append(self, line: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            file.write(line)


class SmtpSink:
    """Sends a mail whose Message-ID is made of the idempotency key, so that it is seen when it comes twice."""

    def __init__(self, config: SmtpConfig) -> None:
        self._config = config

    async def deliver(self, message: Rendered) -> None:
        """See Sink."""
        if message.to is None:
            raise NotEver("no_address")
        if not message.text:
            raise NotEver("no_text")
        try:
            await asyncio.to_thread(self._send, self._mail(message, message.to))
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            raise (NotEver if min(codes, default=0) >= _LASTING else NotNow)("recipient_refused") from None
        except smtplib.SMTPDataError as error:
            raise (NotEver if error.smtp_code >= _LASTING else NotNow)(f"smtp_{error.smtp_code}") from None
        except (
            smtplib.SMTPResponseException
        ) as error:  # it refuses us, not the message: a wrong password, a blocked sender
            raise NotNow(f"smtp_{error.smtp_code}") from None
        except (smtplib.SMTPException, OSError) as error:
            raise NotNow(f"smtp_{type(error).__name__}") from None

    def _mail(self, message: Rendered, to: str) -> EmailMessage:
        mail = EmailMessage()
        mail["From"], mail["To"] = self._config.sender, to
        mail["Subject"] = message.subject or ""
        mail["Message-ID"] = f"<{message.key}@leadstream>"
        mail["X-Idempotency-Key"] = message.key
        mail.set_content(message.text or "")
        return mail

    def _send(self, mail: EmailMessage) -> None:
        with smtplib.SMTP(self._config.host, self._config.port, timeout=_TIMEOUT_S) as server:
            if self._config.starttls:
                server.starttls()
            if self._config.user is not None:
                server.login(self._config.user, self._config.password.get_secret_value())
            server.send_message(mail)


class WebhookSink:
    """Posts to an address of the installation's own; private addresses are refused, however they are named."""

    def __init__(self, config: WebhookConfig) -> None:
        self._post = GuardedPost(config.url, config.secret.get_secret_value(), allow_private=config.allow_private)

    async def deliver(self, message: Rendered) -> None:
        """See Sink."""
        try:
            status = await self._post.send(orjson.dumps(_body(message)), message.key)
        except Blocked:
            raise NotEver("address_not_allowed") from None
        except (OSError, TimeoutError) as error:
            raise NotNow(f"http_{type(error).__name__}") from None
        if 200 <= status < 300:
            return
        if status in _PASSES or status >= _LASTING:
            raise NotNow(f"http_{status}")
        raise NotEver(f"http_{status}")


def _body(message: Rendered) -> dict[str, object]:
    return asdict(message)
