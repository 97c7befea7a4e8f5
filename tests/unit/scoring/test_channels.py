"""Channels: files, mail and webhooks of an installation, and where a webhook must not lead."""

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from services.scoring.journeys.adapters.guarded import Blocked, GuardedPost, require_allowed, require_public
from services.scoring.journeys.adapters.sinks import (
    ChannelsError,
    FileSink,
    NotEver,
    NotNow,
    SmtpConfig,
    SmtpSink,
    WebhookConfig,
    WebhookSink,
    read_channels,
    sink_of,
)
from services.scoring.journeys.domain.rendering import Rendered

MESSAGE = Rendered("key-1", "email", "ann@example.com", "hello", "Hi", "Hello Ann", {"first_name": "Ann"})


async def test_a_file_has_a_line_a_message(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "deep" / "email.ndjson")
    await sink.deliver(MESSAGE)
    await sink.deliver(MESSAGE)
    lines = [orjson.loads(line) for line in (tmp_path / "deep" / "email.ndjson").read_bytes().splitlines()]
    assert [line["key"] for line in lines] == ["key-1", "key-1"] and lines[0]["to"] == "ann@example.com"
    with pytest.raises(NotNow, match="file_"):
        await FileSink(tmp_path).deliver(MESSAGE)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://10.1.2.3/x", "http://192.168.0.1", "http://169.254.169.254/latest", "http://[::1]/",
        "http://0.0.0.0/", "http://[::ffff:127.0.0.1]/", "http://[fd00::1]/", "http://[fe80::1]/", "http://224.0.0.1/",
        "http://[64:ff9b::7f00:1]/", "http://100.64.0.1/", "file:///etc/passwd", "gopher://example.com/", "ftp://example.com",
        "http://user:password@example.com/", "http://example.com:22/", "http://example.com:99999/", "http:///x", "x",
        "http://[::1",
    ],
)  # fmt: skip
def test_an_address_of_a_private_network_is_refused_when_it_is_configured(url: str) -> None:
    with pytest.raises(Blocked):
        require_allowed(url, allow_private=False)
    with pytest.raises(ChannelsError):
        sink_of(WebhookConfig(sink="webhook", url=url))


@pytest.mark.parametrize("name", ["localhost", "0x7f.1", "2130706433", "127.1"])
async def test_a_name_is_judged_by_where_it_leads_when_it_is_asked(name: str) -> None:
    """Whatever the name says: its addresses are judged at the connect."""
    with pytest.raises((Blocked, OSError)):
        await GuardedPost(f"http://{name}:8080/").send(b"{}", "k")


async def test_a_name_with_one_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80)) for address in ("93.184.216.34", "10.0.0.7")]

    async def resolve(*_arguments: Any, **_options: Any) -> Any:
        return found

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    with pytest.raises(Blocked):
        await GuardedPost("http://both.example/").send(b"{}", "k")


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"])
def test_public_addresses_are_none_of_ours(address: str) -> None:
    require_public(ipaddress.ip_address(address))
    require_allowed("https://hooks.example.com/x", allow_private=False)


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that answers everything so: its port, and what it was sent."""
    asked: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
        )
        asked.append(head + await reader.readexactly(length))
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], asked


def http(status: str, *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "Content-Length: 0", "", ""]).encode()


async def test_a_webhook_gets_the_key_and_a_signature() -> None:
    async with answering(http("204 No Content")) as (port, asked):
        config = {
            "hook": {"sink": "webhook", "url": f"http://127.0.0.1:{port}/in", "secret": "s", "allow_private": True}
        }
        await sink_of(read_channels(orjson.dumps(config))["hook"]).deliver(MESSAGE)
    head, body = asked[0].split(b"\r\n\r\n", 1)
    headers = {
        k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in head.decode().split("\r\n"))
    }
    assert headers["idempotency-key"] == "key-1" and orjson.loads(body)["text"] == "Hello Ann"
    signed = f"key-1.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(b"s", signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


@pytest.mark.parametrize(
    ("answer", "outcome", "said"),
    [
        (http("302 Found", "Location: http://169.254.169.254/"), NotEver, "http_302"),
        (http("400 Bad Request"), NotEver, "http_400"),
        (http("410 Gone"), NotEver, "http_410"),
        (http("401 Unauthorized"), NotNow, "http_401"),
        (http("403 Forbidden"), NotNow, "http_403"),
        (http("404 Not Found"), NotNow, "http_404"),
        (http("429 Too Many Requests"), NotNow, "http_429"),
        (http("503 Unavailable"), NotNow, "http_503"),
        (b"nonsense\r\n\r\n", NotNow, "http_"),
        (b"", NotNow, "http_"),
    ],
)
async def test_what_a_webhook_answers_decides_whether_it_is_tried_again(
    answer: bytes, outcome: type[Exception], said: str
) -> None:
    async with answering(answer) as (port, asked):
        sink = WebhookSink(WebhookConfig(sink="webhook", url=f"http://127.0.0.1:{port}/", allow_private=True))
        with pytest.raises(outcome, match=said):
            await sink.deliver(MESSAGE)
        assert len(asked) == 1  # redirects are not followed


@asynccontextmanager
async def mailing(refuses: bytes = b"", at: bytes = b"RCPT") -> AsyncIterator[tuple[int, list[str]]]:
    """As much of an SMTP server as a mail needs; `refuses` is what it says `at` a command, or (`TEXT`) to what is sent."""
    mails: list[str] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        while line := await reader.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                writer.write(b"354 go\r\n")
                mails.append((await reader.readuntil(b"\r\n.\r\n")).decode())
                writer.write(refuses if at == b"TEXT" else b"250 ok\r\n")
            elif verb == b"EHLO" and at == b"AUTH":
                writer.write(b"250-here\r\n250 AUTH PLAIN\r\n")
            elif verb == b"QUIT":
                writer.write(b"221 bye\r\n")
                break
            else:
                writer.write(refuses if verb == at and refuses else b"250 ok\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], mails


def smtp(port: int, user: str | None = None) -> SmtpSink:
    config = SmtpConfig(sink="smtp", host="127.0.0.1", port=port, sender="us@example.com", starttls=False, user=user)
    return SmtpSink(config)


async def test_a_mail_has_an_id_that_stays_the_same() -> None:
    async with mailing() as (port, mails):
        await smtp(port).deliver(MESSAGE)
    assert (
        "Message-ID: <key-1@leadstream>" in mails[0] and "To: ann@example.com" in mails[0] and "Hello Ann" in mails[0]
    )


@pytest.mark.parametrize(("refuses", "outcome"), [(b"550 no\r\n", NotEver), (b"450 later\r\n", NotNow)])
async def test_a_refused_recipient_is_given_up_only_for_good_reasons(refuses: bytes, outcome: type[Exception]) -> None:
    async with mailing(refuses) as (port, _):
        with pytest.raises(outcome, match="recipient_refused"):
            await smtp(port).deliver(MESSAGE)


@pytest.mark.parametrize(
    ("at", "refuses", "outcome", "said"),
    [
        (b"TEXT", b"554 spam\r\n", NotEver, "smtp_554"),
        (b"TEXT", b"451 later\r\n", NotNow, "smtp_451"),
        (b"AUTH", b"535 wrong password\r\n", NotNow, "smtp_535"),
        (b"MAIL", b"550 not from you\r\n", NotNow, "smtp_550"),
    ],
)
async def test_a_server_that_refuses_us_may_take_the_message_once_we_are_set_right(
    at: bytes, refuses: bytes, outcome: type[Exception], said: str
) -> None:
    async with mailing(refuses, at) as (port, _):
        with pytest.raises(outcome, match=said):
            await smtp(port, user="us" if at == b"AUTH" else None).deliver(MESSAGE)


async def test_a_mail_without_a_text_is_not_sent_empty() -> None:
    async with mailing() as (port, mails):
        with pytest.raises(NotEver, match="no_text"):
            await smtp(port).deliver(replace(MESSAGE, text=None))
    assert mails == []


async def test_a_mail_server_that_is_away_is_tried_again() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(NotNow, match="smtp_"):
        await smtp(port).deliver(MESSAGE)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("email: {sink: fax}", "email"),
        ("email: {sink: smtp, host: x}", "email.smtp.sender"),
        ("email: {sink: smtp, host: x, sender: y, password: hunter2, port: 0}", "email.smtp.port"),
        ("- a", "channels"),
        ("a: [", "line 1"),
    ],
)
def test_a_file_of_channels_that_is_none_is_told_without_values(text: str, said: str) -> None:
    with pytest.raises(ChannelsError) as refused:
        read_channels(text)
    assert said in str(refused.value) and "hunter2" not in str(refused.value)


def test_an_empty_file_of_channels_is_one() -> None:
    assert read_channels("") == {}
