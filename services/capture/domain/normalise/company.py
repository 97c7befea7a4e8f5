"""Companies: display name, name key without legal form, and domain, all offline."""

import re
import unicodedata
from functools import lru_cache
from typing import Final

import tldextract
from cleanco.clean import normalized as cleanco_fold
from cleanco.clean import prepare_default_terms, strip_punct, strip_tail

from services.capture.domain.normalise.result import BLANK, Normalised
from services.capture.domain.normalise.text import clean_text

_SEPARATORS: Final = re.compile(r"[\s\-_/|]+")
# One label, one ending, perhaps www, scheme and path: the form of most websites and of most mail domains.
_PLAIN_HOST: Final = re.compile(
    r"(?:https?://)?(?:www\.)?([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.([a-z]{2,20}))(?:[/?#][!-~]*)?"
)
_DROPPED: Final = str.maketrans("", "", ".,'\u2019`\"()")


def normalise_company(raw: str) -> Normalised:
    """The name in NFKC with single blanks; the match key has no legal form, case, accent or punctuation."""
    text = clean_text(raw)
    if text is None:
        return BLANK
    if not text.isascii():
        text = clean_text(unicodedata.normalize("NFKC", text)) or ""
    value = " ".join(text.split())
    return Normalised(value, company_key(value)) if value else BLANK


@lru_cache(maxsize=16384)
def company_key(name: str) -> str | None:
    """The key under which spellings of one company meet: `Example Corp., Inc.` and `EXAMPLE` are one."""
    key = _punctuation_free(name)
    while (shorter := _shorter(key)) != key:
        key = shorter
    return key or None


def _shorter(key: str) -> str:
    """The key without one legal form or dangling `and`; with `&` in words once none is left; itself when settled."""
    if key[-1:].isalnum() and key.isascii() and "&" not in key:
        last_word = key.rpartition(" ")[2]
        if last_word != "and" and last_word not in _terms_by_last_word():
            return key
    stripped = _punctuation_free(without_legal_form(key)) or key
    stripped = stripped.removesuffix(" and")
    return stripped if stripped != key else _punctuation_free(key.replace("&", " and "))


def _punctuation_free(name: str) -> str:
    folded = (
        name.lower()
        if name.isascii()
        else unicodedata.normalize("NFC", cleanco_fold(unicodedata.normalize("NFKD", name)))
    )
    return _SEPARATORS.sub(" ", folded.translate(_DROPPED)).strip() or " ".join(folded.split())


def without_legal_form(name: str) -> str:
    """cleanco's `basename`, exactly; only terms that end in the name's last word are looked at."""
    name = strip_tail(name)
    parts = name.split()
    folded = [strip_punct(part) for part in (name.lower() if name.isascii() else cleanco_fold(name)).split()]
    position = 0
    while folded:
        found = _first_term(folded, position)
        if found is None:
            break
        position, size = found
        del folded[-size:]
        del parts[-size:]
    return str(strip_tail(" ".join(parts)))


def _first_term(folded: list[str], position: int) -> tuple[int, int] | None:
    """The first term at or behind a position that the words end with, as (next position, its size)."""
    for index, size, words in _terms_by_last_word().get(folded[-1], ()):
        if index >= position and folded[-size:] == words:
            return index + 1, size
    return None


@lru_cache(maxsize=1)
def _terms_by_last_word() -> dict[str, list[tuple[int, int, list[str]]]]:
    terms: dict[str, list[tuple[int, int, list[str]]]] = {}
    for index, (size, words) in enumerate(prepare_default_terms()):
        if size:
            terms.setdefault(words[-1], []).append((index, size, words))
    return terms


@lru_cache(maxsize=1)
def _extractor() -> tldextract.TLDExtract:
    # No list addresses and no cache folder: the bundled list only, never the network, never the disk.
    return tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None, fallback_to_snapshot=True)


def registrable_domain(address: str) -> str | None:
    """`example.co.uk` of `https://www.example.co.uk/x`, None when there is no such domain in it."""
    match = _PLAIN_HOST.fullmatch(address.lower()) if address.isascii() else None
    if match is not None:
        domain, ending = match.groups()
        suffixes = _public_suffixes()
        if ending in suffixes and domain not in suffixes and f"*.{ending}" not in suffixes:
            return str(domain)
    return domain_by_library(address)


def has_known_ending(domain: str) -> bool:
    """Whether the last part of a domain is one that is given out. Endings in other scripts are believed."""
    ending = domain.lower().rpartition(".")[2]
    if not ending.isascii() or ending.startswith("xn--"):
        return True
    return ending in _public_suffixes() or f"*.{ending}" in _public_suffixes()


@lru_cache(maxsize=1)
def _public_suffixes() -> frozenset[str]:
    return frozenset(_extractor().tlds)


@lru_cache(maxsize=16384)
def domain_by_library(address: str) -> str | None:
    """tldextract's answer."""
    try:
        found = _extractor()(address)
    except ValueError:
        return None
    domain = found.top_domain_under_public_suffix.lower()
    return domain if domain and domain.isprintable() and " " not in domain else None
