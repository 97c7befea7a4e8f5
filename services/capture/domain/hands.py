"""People beside the person: who typed a lead in, and who referred it."""

from typing import Any, Final

from services.capture.domain.normalise.email import normalise_email
from services.capture.domain.normalise.text import clean_text

HANDS: Final = frozenset({"entered_by", "referrer_ref"})

_LONGEST: Final = 256
_KINDS: Final = frozenset({"lead", "contact", "account"})


def clean_author(given: Any) -> str | None:
    """A name or an id; None where what was sent is neither."""
    return clean_text(given) if isinstance(given, str) and len(given) <= _LONGEST else None


def clean_referrer(given: Any) -> str | None:
    """`email:ann@example.com`, `lead:<id>`, `contact:<id>` or `account:<id>`; a bare address is an e-mail. None for
    what is none of these: nobody is guessed."""
    text = clean_author(given)
    if text is None:
        return None
    kind, _, rest = text.partition(":")
    kind, named = kind.strip().lower(), rest.strip()
    if kind in _KINDS:
        return f"{kind}:{named}" if named else None
    _, key, _ = normalise_email(named if kind == "email" else text)
    return f"email:{key}" if key is not None else None
