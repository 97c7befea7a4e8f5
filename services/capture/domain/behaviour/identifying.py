"""Whom an event names: strong identities, and a visitor's id, which is weak. Values that many share name nobody."""

import re
from functools import lru_cache
from hashlib import sha256
from typing import Final, NamedTuple

from services.capture.domain.identity import IdentityKey, digest_of, external_key
from services.capture.domain.normalise.email import normalise_email
from services.capture.domain.normalise.phone import normalise_phone
from shared.contracts.ids import is_id

# Made by our snippet: 128 random bits, the same person's wherever it turns up. Other ids count within their source.
_OURS: Final = re.compile(r"lsv_[A-Za-z0-9_-]{22}")
_BLOCKED: Final = frozenset(
    {
        "null", "none", "nil", "undefined", "nan", "true", "false", "anonymous", "anon", "guest", "unknown", "user",
        "visitor", "test", "demo", "example", "default", "n/a", "na", "-", "id", "uuid", "cookie", "[object object]",
        "optout", "opted-out", "not-set", "(not set)",
    }
)  # fmt: skip
_NOBODY: Final = re.compile(
    r"(test|tester|testing|null|none|noreply|no-reply|do-not-reply|donotreply|example|anonymous|mailer-daemon)"
    r"([+.][^@]*)?@.*",
    re.IGNORECASE,
)
SHORTEST_ID: Final = 6


class Named(NamedTuple):
    """Whom an event names. `visitor` is the digest of its id. `blocked` says that an id was given that is nobody's."""

    lead_id: str | None
    keys: tuple[IdentityKey, ...]
    visitor: str | None
    blocked: bool

    @property
    def partition_key(self) -> str | None:
        """What keeps the events of one browser, else of one person, in order: a digest, or the lead's id."""
        return self.visitor or (digest_of(self.keys[0]) if self.keys else self.lead_id)


def named_in(
    source: str,
    *,
    lead_id: str | None,
    external_id: str | None,
    email: str | None,
    phone: str | None,
    visitor_id: str | None,
    region: str | None = None,
) -> Named:
    """Strong identities, strongest first, and the visitor's digest."""
    keys: list[IdentityKey] = []
    if external_id and not is_blocked(external_id):
        keys.append(external_key(source, external_id))
    if email and (address := normalise_email(email).match_key) is not None and not is_nobody(address):
        keys.append(IdentityKey("email", address))
    if phone and (number := normalise_phone(phone, region).match_key) is not None:
        keys.append(IdentityKey("phone", number))
    visitor = visitor_id and digest_of_visitor(source, visitor_id)
    known_lead = lead_id if is_id(lead_id) else None
    return Named(known_lead, tuple(keys), visitor, bool(visitor_id) and visitor is None)


@lru_cache(maxsize=8192)
def digest_of_visitor(source: str, visitor_id: str) -> str | None:
    """What a visitor's id is kept under; None for an id that cannot be one person's."""
    text = visitor_id.strip()
    if len(text) < SHORTEST_ID or is_blocked(text):
        return None
    scope = "" if _OURS.fullmatch(text) else source
    return sha256(f"visitor\0{scope}\0{text}".encode()).hexdigest()[:32]


def is_blocked(text: str) -> bool:
    """Whether an id is a placeholder: null, test, 0000, ----, xxxxxx."""
    folded = text.strip().casefold()
    signs = set(filter(str.isalnum, folded))
    if len(signs) > 1:
        return folded in _BLOCKED
    return not signs or signs == {"0"} or len(folded) >= SHORTEST_ID


def is_nobody(address: str) -> bool:
    """Whether an e-mail address is a placeholder's or a machine's: test@, noreply@."""
    return _NOBODY.fullmatch(address) is not None
