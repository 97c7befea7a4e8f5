"""Did a person do it, or a machine: a probability and its reasons, never a verdict that drops anything.

Mail scanners open and click everything within a second of delivery; crawlers say who they are; others come out of data
centres. One sign alone can be a person's, so that each lowers the probability by its own factor; what only a machine
does settles it.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any, Final, NamedTuple

from ua_parser import parse_device

from services.capture.domain.behaviour.reading import instant_us

# What a machine may do in a person's place.
JUDGED: Final = frozenset(
    {
        "page.viewed", "page.left", "site.searched", "link.clicked", "file.downloaded", "form.viewed", "mail.opened",
        "mail.clicked", "material.opened", "offer.opened", "video.played",
    }
)  # fmt: skip
_MAIL: Final = frozenset({"mail.opened", "mail.clicked", "material.opened", "offer.opened"})
CLICK: Final = "mail.clicked"

# Parts of the user agents of mail scanners, link checkers, monitors and programs. Not of the proxies of Gmail and Yahoo:
# these fetch a picture when a person opens the mail.
AGENTS: Final = (
    "barracuda", "mimecast", "proofpoint", "safelinks", "microsoft preview",
    "symantec", "messagelabs", "trendmicro", "forcepoint", "cloudmark", "ironport", "fireeye", "zscaler", "sophos", "applebot",
    "slackbot", "bingpreview", "skypeuripreview", "whatsapp/",
    "facebookexternalhit", "linkedinbot", "twitterbot", "discordbot", "telegrambot", "headlesschrome", "phantomjs",
    "puppeteer", "playwright", "selenium", "python-requests", "python-urllib", "python-httpx", "aiohttp", "curl/",
    "wget/", "go-http-client", "java/", "okhttp", "apache-httpclient", "libwww-perl", "scrapy", "httpclient", "axios/",
    "node-fetch", "uptimerobot", "pingdom", "statuscake", "lighthouse", "ahrefs", "semrush", "bytespider", "gptbot",
)  # fmt: skip
HUMAN_FROM: Final = 0.5
_USUAL: Final = 0.95
_FACTORS: Final = {
    "hidden_link": 0.0,
    "scanner_agent": 0.05,
    "robot_agent": 0.05,
    "too_fast": 0.4,
    "link_burst": 0.3,
    "datacentre": 0.5,
    "no_agent": 0.7,
}
_TOO_FAST_US: Final = 2_000_000
BURST_US: Final = 10_000_000
BURST_CLICKS: Final = 4

Network = IPv4Network | IPv6Network


class Signs(NamedTuple):
    """Lists that a deployment adds to: parts of user agents in small letters, and networks of machines."""

    agents: tuple[str, ...] = AGENTS
    networks: tuple[Network, ...] = ()


OUR_SIGNS: Final = Signs()


class Context(NamedTuple):
    """Where it came from, as far as that is known. `agent` is None where nobody said, and empty where it was blank."""

    agent: str | None
    address: str | None


class Judgement(NamedTuple):
    """How likely a person did it, and why not."""

    probability: float
    reasons: tuple[str, ...]

    @property
    def human(self) -> bool:
        """Whether it counts."""
        return self.probability >= HUMAN_FROM

    def fields(self) -> dict[str, Any]:
        """As `lead.behaved` has it."""
        return {"human_probability": self.probability, "human": self.human, "bot_reasons": list(self.reasons)}


def judge(
    kind: str,
    occurred_us: int,
    properties: Mapping[str, Any],
    context: Context,
    signs: Signs,
    clicks_us: Sequence[int] = (),
) -> Judgement | None:
    """None for what only people do. `clicks_us` are the times of all clicks in the same message to the same person."""
    if kind not in JUDGED:
        return None
    reasons = [
        *(["hidden_link"] if properties.get("hidden") is True or properties.get("honeypot") is True else []),
        *_of_agent(kind, context, signs),
        *(["too_fast"] if kind in _MAIL and _is_too_fast(occurred_us, properties) else []),
        *(["link_burst"] if kind == CLICK and is_in_burst(occurred_us, clicks_us) else []),
        *(["datacentre"] if context.address and _is_within(context.address, signs.networks) else []),
    ]
    probability = _USUAL
    for reason in reasons:
        probability *= _FACTORS[reason]
    return Judgement(round(probability, 3), tuple(reasons))


def _of_agent(kind: str, context: Context, signs: Signs) -> list[str]:
    if context.agent is None:
        return []
    if not context.agent.strip():
        return ["no_agent"]
    return list(_signs_of(context.agent.lower(), signs.agents))


@lru_cache(maxsize=8192)
def _signs_of(agent: str, known: tuple[str, ...]) -> tuple[str, ...]:
    if any(part in agent for part in known):
        return ("scanner_agent",)
    device = parse_device(agent)
    return ("robot_agent",) if device is not None and device.family == "Spider" else ()


def _is_too_fast(occurred_us: int, properties: Mapping[str, Any]) -> bool:
    """Within two seconds of being sent: nobody reads that quickly."""
    sent_us = instant_us(properties.get("sent_at"))
    return sent_us is not None and -_TOO_FAST_US < occurred_us - sent_us < _TOO_FAST_US


def is_in_burst(occurred_us: int, clicks_us: Sequence[int]) -> bool:
    """Whether many links were clicked around the same time: nobody clicks them all."""
    return sum(abs(occurred_us - each) <= BURST_US for each in clicks_us) >= BURST_CLICKS


@lru_cache(maxsize=8192)
def _is_within(address: str, networks: tuple[Network, ...]) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in networks)


def signs_with(agents: Iterable[str] = (), networks: Iterable[str] = ()) -> Signs:
    """Our lists and further ones. Raises ValueError for what is no network."""
    more = tuple(agent.strip().lower() for agent in agents if agent.strip())
    return Signs((*AGENTS, *more), tuple(ip_network(each.strip(), strict=False) for each in networks if each.strip()))
