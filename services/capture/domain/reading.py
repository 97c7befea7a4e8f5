"""The value of an inbound record to clean facts, or the reason why not. Never raises, whatever the bytes."""

from hashlib import blake2b
from typing import Final, NamedTuple

from services.capture.domain.hygiene import CleanSubmission, normalise_submission
from services.capture.domain.identity import IdentityKey, external_key, identity_keys
from services.capture.domain.normalise.email import normalise_email
from services.capture.domain.normalise.text import clean_text
from services.capture.domain.payload import FORM_TYPE, JSON_TYPE, decode_payload
from services.capture.domain.refusal import RefusalCode, Refused, refuse
from services.capture.domain.submission import Submission, build_submission

MAX_BYTES: Final = 262_144
ROW_TYPE: Final = "text/csv"
_UTF8: Final = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})
# What an importer may say of a row that it could not take apart; the row itself is stored as it stood in the file.
_DAMAGES: Final[dict[str, RefusalCode]] = {
    "wrong_field_count": "wrong_field_count",
    "damaged_row": "damaged_row",
    "too_large": "too_large",
}


class Reading(NamedTuple):
    """A submission that can be used. `is_test` ones are answered and kept out of everything else."""

    clean: CleanSubmission
    is_test: bool


def read_value(
    value: bytes, content_type: str, *, damage: str = "", default_region: str | None = None
) -> Reading | Refused:
    """Parse, validate and normalise a value. `content_type` may be empty (JSON) and may carry a charset."""
    decoded = _decoded(value, content_type, damage)
    if isinstance(decoded, Refused):
        return decoded
    submission, is_test = decoded
    clean = normalise_submission(submission, default_region=default_region)
    return clean if isinstance(clean, Refused) else Reading(clean, is_test)


def judge_value(
    value: bytes, content_type: str, *, source_name: str, damage: str = "", default_region: str | None = None
) -> IdentityKey | Refused | None:
    """What `read_value` would refuse, else the strongest identity key if there is one, for less than half of its cost:
    a submission with an external id or a valid e-mail address needs no phone number read."""
    decoded = _decoded(value, content_type, damage)
    if isinstance(decoded, Refused):
        return decoded
    submission, _ = decoded
    external_id = clean_text(sent) if (sent := submission.get("external_id")) else None
    if external_id is not None:
        return external_key(source_name, external_id)
    for address in (submission.get("email"), *(submission.get("emails") or ())):
        key = normalise_email(address)[1] if address else None
        if key is not None:
            return IdentityKey("email", key)
    clean = normalise_submission(submission, default_region=default_region)
    if isinstance(clean, Refused):
        return clean
    return next(iter(identity_keys(clean, source_name=source_name)), None)


def _decoded(value: bytes, content_type: str, damage: str) -> tuple[Submission, bool] | Refused:
    essence = media_type(content_type)
    if essence == ROW_TYPE and damage in _DAMAGES:
        return refuse(_DAMAGES[damage])
    if essence not in (JSON_TYPE, FORM_TYPE, ""):
        return refuse("unsupported_content_type", "content-type")
    if len(value) > MAX_BYTES:
        return refuse("too_large")
    document = decode_payload(value, essence or JSON_TYPE)
    if isinstance(document, Refused):
        return document
    is_test = document.get("test") is True
    submission = build_submission(document)
    return submission if isinstance(submission, Refused) else (submission, is_test)


def named_source(value: bytes, essence: str) -> str | None:
    """The `source` that a body names, if it can be read at all."""
    document = decode_payload(value, essence)
    named = document.get("source") if isinstance(document, dict) else None
    return named if isinstance(named, str) else None


def media_type(content_type: str) -> str | None:
    """The media type without parameters, lower case; None for a charset that is not UTF-8."""
    if ";" not in content_type:
        return content_type.strip().lower()
    essence, *parameters = content_type.lower().split(";")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "charset" and value.strip().strip('"') not in _UTF8:
            return None
    return essence.strip()


def fingerprint_of(value: bytes) -> int:
    """A 63-bit digest of a body, by which another body under the same event id is noticed. Never 0."""
    return (int.from_bytes(blake2b(value, digest_size=8).digest()) >> 1) or 1
