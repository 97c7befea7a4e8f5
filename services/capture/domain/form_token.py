"""When a form was rendered, signed: a hidden field that says how long somebody took to fill it."""

from functools import lru_cache
from hashlib import blake2b
from hmac import compare_digest
from typing import Final

FORM_FIELD: Final = "ls_form"
HONEYPOT_FIELD: Final = "ls_hp"
_MAC_BYTES: Final = 12
_LONGEST: Final = 16


def form_token(rendered_ms: int, *, secret: bytes) -> str:
    """The token of a form that is rendered at this time (milliseconds since 1970)."""
    time = f"{rendered_ms:x}"
    return f"{time}.{_mac(time, secret)}"


def rendered_at(token: object, *, secret: bytes) -> int | None:
    """The time that a token of ours says, None for every other."""
    if not isinstance(token, str) or not token.isascii():
        return None
    time, _, mac = token.partition(".")
    if not 0 < len(time) <= _LONGEST or not compare_digest(mac, _mac(time, secret)):
        return None
    return int(time, 16)


def _mac(time: str, secret: bytes) -> str:
    mac = _keyed(secret).copy()
    mac.update(time.encode())
    return mac.hexdigest()


@lru_cache(maxsize=4)
def _keyed(secret: bytes) -> blake2b:
    return blake2b(key=blake2b(secret).digest(), person=b"form", digest_size=_MAC_BYTES)
