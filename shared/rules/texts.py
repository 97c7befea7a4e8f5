"""How texts are compared: case, width and compatibility forms do not matter."""

from unicodedata import normalize


def fold_text(text: str) -> str:
    """NFKC and case folding, so that `VP`, `vp` and their full-width forms are equal. Spaces and accents stay."""
    if text.isascii():
        return text.lower()
    return normalize("NFKC", normalize("NFKC", text).casefold())
