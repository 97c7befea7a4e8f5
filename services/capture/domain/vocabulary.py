"""The closed vocabulary of lead sources: what sources call themselves, mapped to (source, detail), else `unmapped`."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from services.capture.domain.normalise.text import fold

UNMAPPED: Final = "unmapped"
_NOT_A_WORD: Final = re.compile(r"[\W_]+")

# source -> details. Offline and online; a report groups by the first, drills down by the second.
TREE: Final[Mapping[str, Sequence[str]]] = {
    "website": ("form", "landing_page", "popup", "signup", "chat", "click_to_call"),
    "search": ("organic", "paid"),
    "social": ("organic", "paid", "follow", "outreach", "video"),
    "banner": ("display", "retargeting"),
    "email": ("newsletter", "cold", "campaign"),
    "content": ("blog", "premium", "podcast", "newsletter"),
    "media": ("press_release", "article", "print", "broadcast"),
    "referral": ("customer", "direct", "employee", "external", "site", "word_of_mouth"),
    "event": ("webinar", "trade_show", "conference", "networking", "customer_event"),
    "partner": ("program", "reseller"),
    "phone": ("inbound", "outbound", "cold"),
    "direct": ("traffic", "mail", "walk_in"),
    "list": ("purchased", "mined"),
    "advertising": ("online", "offline"),
    "manual": ("entry",),
    "api": (),
    "import": ("file",),
    "existing_customer": (),
    "other": (),
}

# What forms, ad platforms and other CRMs (Salesforce's and SuiteCRM's lists among them) send.
ALIASES: Final[Mapping[str, str]] = {
    "web": "website", "web site": "website", "homepage": "website", "website form": "website/form",
    "web form": "website/form", "web to lead": "website/form", "contact form": "website/form",
    "landing page": "website/landing_page", "landing page submission": "website/landing_page",
    "popup": "website/popup", "popup box": "website/popup", "email signup": "website/signup",
    "signup": "website/signup", "chat": "website/chat", "live chat": "website/chat", "olark chat": "website/chat",
    "chatbot": "website/chat", "click2call": "website/click_to_call", "google": "search", "bing": "search",
    "yahoo": "search", "duckduckgo": "search", "search engine": "search", "google search": "search",
    "organic search": "search/organic", "organic search seo": "search/organic", "seo": "search/organic",
    "organic": "search/organic", "paid search": "search/paid", "sem": "search/paid", "cpc": "search/paid",
    "ppc": "search/paid", "google ads": "search/paid", "google adwords": "search/paid", "adwords": "search/paid",
    "pay per click ads": "search/paid", "bing ads": "search/paid", "microsoft ads": "search/paid",
    "social media": "social", "facebook": "social", "instagram": "social", "linkedin": "social", "twitter": "social",
    "tiktok": "social", "x": "social", "youtube": "social/video", "youtubechannel": "social/video",
    "social media ads": "social/paid", "facebook ads": "social/paid", "meta ads": "social/paid",
    "linkedin ads": "social/paid", "instagram ads": "social/paid", "linkedin outreach": "social/outreach",
    "banner ads": "banner/display", "banner ad": "banner/display", "display": "banner/display",
    "display ads": "banner/display", "retargeting": "banner/retargeting", "retargeting ads": "banner/retargeting",
    "mail": "email", "e mail": "email", "email campaign": "email/campaign", "campaign": "email/campaign",
    "email marketing": "email/campaign", "newsletter": "email/newsletter", "cold email": "email/cold",
    "blog": "content/blog", "content marketing": "content", "premium content": "content/premium",
    "ebook": "content/premium", "whitepaper": "content/premium", "podcast": "content/podcast",
    "media coverage": "media", "press": "media", "press release": "media/press_release", "newspaper": "media/print",
    "magazine": "media/print", "newspaper article": "media/article", "tv": "media/broadcast",
    "radio": "media/broadcast", "public relations": "media", "reference": "referral", "referrals": "referral",
    "customer referral": "referral/customer", "existing customer referral": "referral/customer",
    "direct referral": "referral/direct", "employee referral": "referral/employee",
    "external referral": "referral/external", "employee": "referral/employee", "referral sites": "referral/site",
    "referral site": "referral/site", "word of mouth": "referral/word_of_mouth",
    "through recommendations": "referral/word_of_mouth", "events": "event", "webinar": "event/webinar",
    "webinars": "event/webinar", "trade show": "event/trade_show", "tradeshow": "event/trade_show",
    "conference": "event/conference", "networking event": "event/networking",
    "customer event": "event/customer_event", "partners": "partner", "partner program": "partner/program",
    "reseller": "partner/reseller", "call": "phone", "phone call": "phone", "phone inquiry": "phone/inbound",
    "inbound call": "phone/inbound", "outbound call": "phone/outbound", "outbound calls": "phone/outbound",
    "cold call": "phone/cold", "cold calling": "phone/cold", "direct traffic": "direct/traffic",
    "direct mail": "direct/mail", "walk in": "direct/walk_in", "purchased list": "list/purchased",
    "bought list": "list/purchased", "advertisement": "advertising", "ads": "advertising", "ad": "advertising",
    "digital advertisement": "advertising/online", "manual entry": "manual/entry", "csv": "import/file",
    "file import": "import/file", "csv import": "import/file", "excel": "import/file",
    "existing customer": "existing_customer", "self generated": "manual", "misc": "other", "others": "other",
}  # fmt: skip


class SourceMatch(NamedTuple):
    """A place in the vocabulary. The caller keeps the raw text beside it."""

    source: str
    detail: str | None


def compile_vocabulary(tree: Mapping[str, Sequence[str]], aliases: Mapping[str, str]) -> Mapping[str, SourceMatch]:
    """A look-up by folded text. Raises ValueError for an alias that points outside the tree."""
    table: dict[str, SourceMatch] = {}
    for source, details in tree.items():
        table[_fold_source(source)] = SourceMatch(source, None)
        for detail in details:
            table[_fold_source(f"{source} {detail}")] = SourceMatch(source, detail)
    for alias, place in aliases.items():
        source, _, detail = place.partition("/")
        if source not in tree or (detail and detail not in tree[source]):
            raise ValueError(f"alias {alias!r} points outside the vocabulary")
        table[_fold_source(alias)] = SourceMatch(source, detail or None)
    return table


def _fold_source(text: str) -> str:
    return _NOT_A_WORD.sub(" ", fold(text)).strip()


class Vocabulary:
    """A tree of sources with the words for them."""

    def __init__(self, tree: Mapping[str, Sequence[str]], aliases: Mapping[str, str]) -> None:
        table = compile_vocabulary(tree, aliases)
        self.map: Callable[[str], SourceMatch] = lru_cache(maxsize=4096)(
            lambda raw: table.get(_fold_source(raw), SourceMatch(UNMAPPED, None))
        )
        """The place of a source's own word for itself; `unmapped` when there is none."""


BUILT_IN: Final = Vocabulary(TREE, ALIASES)
map_source: Final = BUILT_IN.map
