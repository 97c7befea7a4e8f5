"""Mails as they came (`.eml`): who sent one is the lead, what it says above quotes and signature is the message.

Nothing below is read as somebody's identity: quotes and signatures hold the names and numbers of other people too.
"""

import re
from collections.abc import Sequence
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP, default
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser
from typing import Any, Final

from services.capture.domain.refusal import RefusalCode, Refused, refuse
from services.capture.sources.configured import ConfiguredSource
from services.capture.sources.gathering import Signed
from services.capture.sources.protocol import Asked, Document, Element

MAIL_TYPE: Final = "message/rfc822"
LONGEST_MESSAGE: Final = 20_000
# What is kept of a mail: who wrote, when, about what, and what tells a person from a machine.
_KEPT: Final = (
    "From", "To", "Subject", "Date", "Message-ID", "Return-Path", "Auto-Submitted", "X-Autoreply", "X-Autorespond",
    "Precedence", "List-Id", "List-Post", "List-Unsubscribe",
)  # fmt: skip
_LIST: Final = ("List-Id", "List-Post", "List-Unsubscribe")
_REPLY: Final = ("X-Autoreply", "X-Autorespond")
_MACHINES: Final = re.compile(r"(?:mailer-daemon|postmaster|(?:do-?)?not?-?reply|bounces?)(?:[+=-].*)?", re.IGNORECASE)
_CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_SIGNATURE: Final = re.compile(r"^-- ?$", re.MULTILINE)
_QUOTE: Final = re.compile(
    r"^(?:-{2,} ?Original Message ?-{2,}|_{20,}|From: .+\n(?:Sent|Date): .+|On .{1,200}\s?wrote:|"
    r"Am .{1,200}\s?schrieb.{0,200}:|Le .{1,200}\s?a écrit ?:)[ \t]*$",
    re.MULTILINE | re.IGNORECASE,
)


class Mail(Signed):
    """See protocol.WebSource."""

    def split(self, asked: Asked, source: ConfiguredSource) -> Sequence[Element]:
        """The mail without its attachments, under its own id."""
        try:
            mail = _parsed(asked.body)
            return [Element(_reduced(mail), _header(mail, "Message-ID") or None, occurred_at=_date(mail))]
        except Exception:  # the parser of the standard library raises whatever it likes on broken mails
            return [Element(asked.body)]

    def read(self, raw: bytes, content_type: str, source: ConfiguredSource | None) -> Document | Refused:
        """The sender's name and address, the subject, and the message, cut where it is too long."""
        try:
            mail = _parsed(raw)
            why = why_no_person(mail)
            return refuse(why) if why is not None else _document(mail, source)
        except Exception:  # see above
            return refuse("invalid_mail")


def without_attachments(raw: bytes) -> bytes:
    """A mail as it is stored; one that cannot be read as it is."""
    try:
        return _reduced(_parsed(raw))
    except Exception:  # see above
        return raw


def _parsed(raw: bytes) -> EmailMessage:
    return message_from_bytes(raw, policy=default)


def why_no_person(mail: EmailMessage) -> RefusalCode | None:
    """Why nobody wrote this to us: a machine answered, or it went to a list."""
    automatic = _header(mail, "Auto-Submitted").lower().partition(";")[0].strip()
    precedence = _header(mail, "Precedence").lower()
    local_part = (_sender(mail)[1] or "").partition("@")[0]
    if (
        automatic not in ("", "no")
        or any(_header(mail, name) for name in _REPLY)
        or precedence == "auto_reply"
        or _header(mail, "Return-Path") == "<>"
        or mail.get_content_type() == "multipart/report"
        or _MACHINES.fullmatch(local_part)
    ):
        return "auto_reply"
    return "mailing_list" if precedence in ("bulk", "list", "junk") or any(map(mail.get, _LIST)) else None


def _document(mail: EmailMessage, source: ConfiguredSource | None) -> Document | Refused:
    name, address = _sender(mail)
    if address is None:
        return refuse("no_identifier", "from")
    subject, message = _clean(_header(mail, "Subject"))[:256], own_words(_body(mail))
    entry = source.entry if source is not None else None
    document: Document = {
        "email": address[:1024],
        "name": _clean(name)[:256],
        "source": (entry.lead_source if entry is not None else None) or "email",
        "campaign": entry.campaign if entry is not None else None,
        "message": (message or subject)[:LONGEST_MESSAGE],
        "extra": {"mail_subject": subject, "mail_id": _clean(_header(mail, "Message-ID"))[:256]},
    }
    return document


def own_words(text: str) -> str:
    """What the sender wrote: nothing from the signature or the first quoted mail on, and no quoted line."""
    text = _clean(text.replace("\r\n", "\n").replace("\r", "\n"))
    for mark in (_SIGNATURE, _QUOTE):
        found = mark.search(text)
        text = text[: found.start()] if found is not None else text
    return "\n".join(line.rstrip() for line in text.split("\n") if not line.startswith(">")).strip()


def _sender(mail: EmailMessage) -> tuple[str, str | None]:
    """The display name, and the address of a mail that one person sent."""
    header: Any = mail.get("From")
    found: Any = header.addresses if header is not None else ()
    return (found[0].display_name, found[0].addr_spec) if len(found) == 1 and found[0].domain else ("", None)


def _body(mail: EmailMessage) -> str:
    part = mail.get_body(("plain", "html"))
    if part is None:
        return ""
    text = _text(part)
    return _without_tags(text) if part.get_content_subtype() == "html" else text


def _text(part: Any) -> str:
    """The text of a part; of one in a charset that nobody knows, what can be read."""
    try:
        return str(part.get_content())
    except (LookupError, UnicodeError):
        return bytes(part.get_payload(decode=True) or b"").decode("latin-1")


def _reduced(mail: EmailMessage) -> bytes:
    """The headers that say something, and the text."""
    kept = EmailMessage()
    for name in _KEPT:
        if value := _header(mail, name):
            kept[name] = _clean(value).replace("\n", " ")
    kept.set_content(_clean(_body(mail))[: 2 * LONGEST_MESSAGE], cte="base64")
    return kept.as_bytes(policy=SMTP)


def _header(mail: EmailMessage, name: str) -> str:
    return str(mail.get(name) or "").strip()


def _date(mail: EmailMessage) -> str | None:
    try:
        when = parsedate_to_datetime(_header(mail, "Date"))
    except ValueError:
        return None
    return when.isoformat() if when.tzinfo is not None else None


def _clean(text: str) -> str:
    return _CONTROL.sub("", text)


class _Words(HTMLParser):
    """The words of a page, without what is not shown and without quotes."""

    _BREAKS: Final = frozenset({"br", "p", "div", "tr", "li"})
    _HIDDEN: Final = frozenset({"style", "script", "head", "title", "blockquote"})

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self._hidden: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self._HIDDEN:
            self._hidden.append(tag)
        elif tag in self._BREAKS:
            self.words.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if self._hidden and self._hidden[-1] == tag:
            self._hidden.pop()

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words.append(data)


def _without_tags(page: str) -> str:
    reader = _Words()
    reader.feed(page)
    reader.close()
    return re.sub(r"\n{3,}", "\n\n", "".join(reader.words))
