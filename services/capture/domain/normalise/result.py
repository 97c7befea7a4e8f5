"""What a normaliser returns."""

from typing import NamedTuple


class Normalised(NamedTuple):
    """A cleaned value, the key under which equal values meet, and warnings. The caller keeps the raw value."""

    value: str | None
    match_key: str | None = None
    warnings: tuple[str, ...] = ()


BLANK = Normalised(None)
