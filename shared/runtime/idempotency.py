"""The `Idempotency-Key` of a request: with it, sending the same again has one effect."""

import re
from typing import Final

from fastapi import Request

from shared.runtime.problems import Problem

_KEY: Final = re.compile(r"[\x21-\x7e]{1,200}")


def idempotency_key(request: Request) -> str | None:
    """The request's Idempotency-Key. Raises a 400 problem for one that is blank, too long, or not plain ASCII."""
    key = request.headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        detail = "An Idempotency-Key has 1 to 200 visible ASCII characters."
        raise Problem(400, "invalid_idempotency_key", detail, field="idempotency-key")
    return key
