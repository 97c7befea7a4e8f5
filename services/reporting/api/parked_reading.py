"""What is asked of parked records over HTTP, and how they are shown: bytes as text or base64, to admins only."""

import base64
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Depends, Query

from services.reporting.adapters.postgres.parked import Filters
from services.reporting.api.reading import asked_time
from services.reporting.handlers.replays import HeldLetter, headers_of

Kind = Literal["dead_letter", "rejected", "unreadable"]
State = Literal["waiting", "replayed", "failed_again", "refused"]


def asked_filters(
    kind: Kind | None = None,
    service_name: Annotated[str | None, Query(alias="service")] = None,
    reason: str | None = None,
    source: str | None = None,
    first: Annotated[datetime | None, Query(alias="from")] = None,
    last: Annotated[datetime | None, Query(alias="to")] = None,
    state: Annotated[State | None, Query(description="What became of it")] = None,
) -> Filters:
    """The filters of a request."""
    return Filters(
        kind,
        _storable(service_name),
        _storable(reason),
        _storable(source),
        asked_time(first, "from"),
        asked_time(last, "to"),
        state,
    )


Asked = Annotated[Filters, Depends(asked_filters)]


def whole(letter: HeldLetter) -> dict[str, Any]:
    """A record with its bytes, readable where they are text."""
    text, encoding = readable(letter.value)
    shown = {**letter.row, "key": readable(letter.key)[0], "value": text, "value_encoding": encoding}
    return {**shown, "original_headers": {name: readable(held)[0] for name, held in headers_of(letter)}}


def exact(letter: HeldLetter) -> dict[str, Any]:
    """A record with its very bytes, as base64."""
    headers = [[name, base64.b64encode(held).decode()] for name, held in headers_of(letter)]
    return {
        **letter.row,
        "key_base64": _base64(letter.key),
        "value_base64": _base64(letter.value),
        "headers_base64": headers,
    }


def readable(value: bytes | None) -> tuple[str | None, str | None]:
    """Bytes for JSON: as text where they are UTF-8, else base64."""
    if value is None:
        return None, None
    try:
        return value.decode(), "utf-8"
    except UnicodeDecodeError:
        return base64.b64encode(value).decode(), "base64"


def _base64(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()


def _storable(text: str | None) -> str | None:
    """A filter's text; Postgres holds no NUL, so nothing stored has one."""
    return None if text is None else text.replace("\x00", "\ufffd")
