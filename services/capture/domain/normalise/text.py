"""Free text: trimmed at both ends, composed (NFC), otherwise as it was sent."""

import unicodedata
from typing import Final

# White space of every kind, and characters without width that copying from mails and tables leaves behind.
TRIMMED: Final = (
    " \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
)


def clean_text(raw: str) -> str | None:
    """The text without blanks at its ends, in NFC; None when nothing is left."""
    text = raw.strip(TRIMMED)
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return text or None


def fold(text: str) -> str:
    """The form in which two spellings are compared: no case, no accents, blanks collapsed."""
    if text.isascii():
        return " ".join(text.lower().split())
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    kept = "".join(c for c in plain if not unicodedata.combining(c))
    return " ".join(unicodedata.normalize("NFC", kept).split())
