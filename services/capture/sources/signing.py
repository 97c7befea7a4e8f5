"""Signatures over the raw bytes: HMAC-SHA256 only, each secret that counts is tried, and the time tells nothing."""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from services.capture.sources.configured import Signature
from services.capture.sources.protocol import Asked, Unverified

# A signature over a time counts so long before and after it.
WINDOW_S: Final = 300.0

WRONG: Final = Unverified(
    "wrong_signature", "The signature is not one of this source's secret over the body as it came."
)
MISSING: Final = Unverified("no_signature", "The request carries no signature that this source's provider would send.")
OUTSIDE: Final = Unverified("outside_window", "The signature's time is more than 300 s away from now.")


def hex_hmac(secret: bytes, data: bytes) -> str:
    """HMAC-SHA256, small hexadecimal letters."""
    return hmac.digest(secret, data, "sha256").hex()


def base64_hmac(secret: bytes, data: bytes) -> str:
    """HMAC-SHA256 in base64."""
    return b64encode(hmac.digest(secret, data, "sha256")).decode()


def matches(given: str, expected: Iterable[str]) -> bool:
    """Whether it is one of these; all are compared, each in constant time."""
    sent = given.encode("utf-8", "replace")
    found = [hmac.compare_digest(sent, each.encode()) for each in expected]
    return any(found)


def judge(given: str | None, expected: Iterable[str]) -> Unverified | None:
    """None for a signature that is one of the expected."""
    if not given:
        return MISSING
    return None if matches(given, expected) else WRONG


def verify_scheme(how: Signature, asked: Asked, secrets: Sequence[bytes]) -> Unverified | None:
    """Judge a request by a scheme of the file of sources."""
    if how.scheme == "standard":
        return _standard(asked, secrets)
    if how.scheme == "timestamped":
        return _timestamped(asked.headers.get((how.header or "x-signature").lower(), ""), asked, secrets)
    if how.scheme == "token":
        given = asked.headers.get(how.header.lower()) if how.header else asked.query.get("token")
        return judge((given or "").removeprefix(how.prefix), [secret.decode("utf-8", "replace") for secret in secrets])
    given = asked.headers.get((how.header or "x-signature").lower(), "")
    if not given.startswith(how.prefix):
        return MISSING
    make = hex_hmac if how.encoding == "hex" else base64_hmac
    return judge(given.removeprefix(how.prefix), [make(secret, asked.body) for secret in secrets])


def standard_id(asked: Asked) -> str | None:
    """The id of a message by Standard Webhooks, under which it is sent again."""
    return asked.headers.get("webhook-id") or None


def _standard(asked: Asked, secrets: Sequence[bytes]) -> Unverified | None:
    """Standard Webhooks: base64 of HMAC over `id.timestamp.body`; the header may name several, `v1,…` each."""
    message, stamp = asked.headers.get("webhook-id", ""), asked.headers.get("webhook-timestamp", "")
    given = [part[3:] for part in asked.headers.get("webhook-signature", "").split() if part.startswith("v1,")]
    if not message or not given:
        return MISSING
    if (late := outside(stamp, asked.at)) is not None:
        return late
    signed = f"{message}.{stamp}.".encode() + asked.body
    expected = [base64_hmac(_standard_key(secret), signed) for secret in secrets]
    return None if any(matches(each, expected) for each in given) else WRONG


def _standard_key(secret: bytes) -> bytes:
    """The key of a `whsec_…` secret, which is base64."""
    try:
        return b64decode(secret[6:], validate=True) if secret.startswith(b"whsec_") else secret
    except ValueError:
        return secret


def _timestamped(given: str, asked: Asked, secrets: Sequence[bytes]) -> Unverified | None:
    """`t=<seconds>,v1=<hex>`, over `t.body`, as Stripe and Calendly do."""
    parts = [part.strip().partition("=") for part in given.split(",")]
    stamp = next((value for name, _, value in parts if name == "t"), "")
    found = [value for name, _, value in parts if name == "v1"]
    if not stamp or not found:
        return MISSING
    if (late := outside(stamp, asked.at)) is not None:
        return late
    expected = [hex_hmac(secret, f"{stamp}.".encode() + asked.body) for secret in secrets]
    return None if any(matches(each, expected) for each in found) else WRONG


def outside(stamp: str, at: datetime, *, a_second: int = 1) -> Unverified | None:
    """Why a time since 1970 does not count now; `a_second`: how many of its units make one."""
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 15):
        return OUTSIDE
    return OUTSIDE if abs(at.timestamp() - int(stamp) / a_second) > WINDOW_S else None
