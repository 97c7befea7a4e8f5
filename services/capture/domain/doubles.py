"""A form that was sent twice: the same form with the same normalised content, within a window."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Final, NamedTuple

import orjson

from services.capture.domain.hygiene import CleanSubmission

REPEATED_SUBMISSION: Final = "repeated_submission"


class Sent(NamedTuple):
    """A form that was sent, by the digest of its content, and the lead that it was about."""

    digest: str
    lead_id: str
    received_ms: int


def body_digest(clean: CleanSubmission, form: str, *, secret: bytes) -> str:
    """A keyed digest (32 hexadecimal signs) of what a form says: how it was spelled, and when, does not count."""
    facts = clean.facts
    said = [
        form,
        clean.external_id,
        facts.get("f"),
        facts.get("t"),
        facts.get("o", {}).get("campaign"),
        [entry[0] or entry[2] for entry in facts.get("e", ())],
        [entry[0] or entry[2] for entry in facts.get("p", ())],
        facts.get("c"),
        facts.get("x"),
    ]
    key = blake2b(secret).digest()
    return blake2b(
        orjson.dumps(said, option=orjson.OPT_SORT_KEYS), key=key, person=b"double", digest_size=16
    ).hexdigest()


def find_doubles(
    sent: Sequence[tuple[int, str, int]], known: Mapping[str, Sent], *, window_ms: int
) -> dict[int, str | int]:
    """Which of these forms (place, digest, time of receipt; in the order of the log) were sent before, within the window:
    the lead that it was about, or the place of the one in the same batch. The window begins with the first, so that a
    form that is sent for ever is a lead again each time that it is over."""
    firsts: dict[str, tuple[int, str | int]] = {
        digest: (first.received_ms, first.lead_id) for digest, first in known.items()
    }
    doubles: dict[int, str | int] = {}
    for place, digest, received_ms in sent:
        first = firsts.get(digest)
        if first is not None and 0 <= received_ms - first[0] <= window_ms:
            doubles[place] = first[1]
        else:
            firsts[digest] = (received_ms, place)
    return doubles
