"""What an id looks like: a UUID as our own services write it."""

import re
from typing import Any, Final

_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def is_lead_id(value: Any) -> bool:
    """Whether this is a UUID in small letters with dashes."""
    return isinstance(value, str) and _UUID.fullmatch(value) is not None
