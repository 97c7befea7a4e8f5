"""The kinds of behaviour that are understood, and the categories of pages. An unknown kind is kept as it is."""

import re
from functools import lru_cache
from typing import Final
from urllib.parse import parse_qs, urlsplit

# Each kind is a noun and what happened to it. Others pass through: sources may have kinds of their own.
KINDS: Final = frozenset(
    {
        "page.viewed", "page.left", "site.searched", "link.clicked", "file.downloaded", "chat.opened", "form.viewed",
        "form.submitted", "video.played", "visitor.identified",
        "mail.sent", "mail.delivered", "mail.opened", "mail.clicked", "mail.replied", "mail.bounced", "mail.complained",
        "mail.opted_out",
        "material.requested", "material.sent", "material.delivered", "material.opened", "material.replied",
        "phone.invalid", "phone.opted_out", "call.made", "call.received", "call.missed", "meeting.booked", "meeting.held", "meeting.missed", "note.added",
        "intent.reported", "offer.sent", "offer.opened", "offer.accepted", "offer.declined",
    }
)  # fmt: skip

_ALIASES: Final = {
    "page_view": "page.viewed", "pageview": "page.viewed", "page": "page.viewed", "page.view": "page.viewed",
    "search": "site.searched", "site_search": "site.searched", "download": "file.downloaded",
    "file.download": "file.downloaded", "click": "link.clicked", "identify": "visitor.identified",
    "chat": "chat.opened", "open": "mail.opened", "email.opened": "mail.opened", "email_open": "mail.opened",
    "email.clicked": "mail.clicked", "email_click": "mail.clicked", "email.bounced": "mail.bounced",
    "bounce": "mail.bounced", "email.delivered": "mail.delivered", "email.sent": "mail.sent",
    "unsubscribe": "mail.opted_out", "email.unsubscribed": "mail.opted_out", "spam": "mail.complained",
    "complaint": "mail.complained", "email.complained": "mail.complained", "invalid_number": "phone.invalid",
    "sms.opted_out": "phone.opted_out", "reply": "mail.replied", "email.replied": "mail.replied",
    "call": "call.made", "meeting": "meeting.held", "note": "note.added", "intent": "intent.reported",
    "form_submit": "form.submitted", "form.submit": "form.submitted", "offer": "offer.sent",
}  # fmt: skip

_FIRST_SEGMENT: Final = {
    "pricing": "pricing", "prices": "pricing", "price": "pricing", "plans": "pricing", "buy": "pricing",
    "product": "product", "products": "product", "features": "product", "solutions": "product", "shop": "product",
    "blog": "blog", "news": "blog", "articles": "blog", "insights": "blog",
    "docs": "documentation", "documentation": "documentation", "help": "documentation", "support": "support",
    "demo": "demo", "trial": "demo", "signup": "demo", "register": "demo", "contact": "contact",
    "customers": "case_study", "case-studies": "case_study", "cases": "case_study", "references": "case_study",
    "resources": "resource", "whitepapers": "resource", "downloads": "resource", "webinars": "webinar",
    "events": "webinar", "about": "company", "company": "company", "team": "company", "careers": "careers",
    "jobs": "careers", "legal": "legal", "privacy": "legal", "imprint": "legal", "terms": "legal",
}  # fmt: skip

_LANGUAGE: Final = re.compile(r"[a-z]{2}([_-][a-z]{2})?", re.IGNORECASE)
_SEARCH_FIELDS: Final = ("q", "query", "p", "s", "search", "text", "wd")
_SEARCH_ENGINES: Final = re.compile(
    r"(^|\.)(google|bing|duckduckgo|yahoo|ecosia|qwant|startpage|baidu|yandex|brave)\.[a-z.]{2,6}$"
)
_LONGEST_TERM: Final = 200


@lru_cache(maxsize=1024)
def kind_of(given: str) -> str:
    """The kind by its own or another known name, else as it was given."""
    text = given.strip()
    lower = text.lower()
    return lower if lower in KINDS else _ALIASES.get(lower, text)


@lru_cache(maxsize=8192)
def category_of(url: str) -> str | None:
    """What a page is about, by the first part of its path; `home` for none, `other` where the part says nothing."""
    try:
        path = urlsplit(url).path
    except ValueError:
        return None
    parts = [part.lower() for part in path.split("/") if part]
    if parts and _LANGUAGE.fullmatch(parts[0]):
        parts = parts[1:]
    if not parts:
        return "home"
    name = parts[0].removesuffix(".html").removesuffix(".php")
    return "home" if name == "index" else _FIRST_SEGMENT.get(name, "other")


def term_of_referrer(url: str) -> str | None:
    """What was looked for at a search engine, where the address of the page before still says it."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return None
    return term_of_query(parts.query) if _SEARCH_ENGINES.search(host) else None


def term_of_query(query: str) -> str | None:
    """The words of a search in a query string."""
    try:
        asked = parse_qs(query, max_num_fields=50)
    except ValueError:
        return None
    return next((clean for name in _SEARCH_FIELDS if (clean := clean_term(asked.get(name, [""])[0]))), None)


def clean_term(given: object) -> str | None:
    """Words in one form: lower case, single blanks, no longer than 200 characters."""
    if not isinstance(given, str):
        return None
    return " ".join(given.lower().split())[:_LONGEST_TERM] or None
