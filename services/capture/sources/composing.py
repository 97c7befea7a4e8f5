"""The document of a provider's inputs: its mapping, constants, and where the lead came from."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from services.capture.domain.placing import FieldMapping, document_of, place_text
from services.capture.sources.configured import ConfiguredSource

# Years 1990 to 2100: what is outside is no time of a lead.
_SECONDS: Final = range(631_152_000, 4_102_444_800)


def compose(
    inputs: Iterable[tuple[str, Any]],
    source: ConfiguredSource | None,
    *,
    built_in: FieldMapping,
    lead_source: str | None = None,
    parts: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The lead. `built_in` holds where it is not overruled by the source's own mapping, `lead_source` where neither the
    lead nor the file of sources names one. `parts` are fields that no mapping decides (ids, touches, evidence)."""
    document = document_of(inputs, _joined(built_in, source))
    constants = dict(source.paths.constants) if source is not None and source.paths is not None else {}
    if source is not None:
        constants.setdefault("source", source.entry.lead_source or lead_source or "")
        constants.setdefault("campaign", source.entry.campaign or "")
    elif lead_source is not None:
        constants["source"] = lead_source
    for place, value in constants.items():
        if value and not _has(document, place):
            place_text(document, place, value)
    _add(document, parts or {})
    return document


def _joined(built_in: FieldMapping, source: ConfiguredSource | None) -> FieldMapping:
    own = source.mapping if source is not None else None
    return built_in if own is None else FieldMapping(own.label, {**built_in.fields, **own.fields})


def _has(document: Mapping[str, Any], place: str) -> bool:
    part, _, key = place.partition(".")
    return key in document.get(part, {}) if key else place in document


def _add(document: dict[str, Any], parts: Mapping[str, Any]) -> None:
    """Put fields into the document; objects are joined, and what an input said stands."""
    for name, value in parts.items():
        if value is None or value == "" or value == {}:
            continue
        if isinstance(value, dict):
            kept = {key: each for key, each in value.items() if each is not None and each != ""}
            if kept:
                document[name] = {**kept, **document.get(name, {})}
        else:
            document.setdefault(name, value)


def as_id(value: Any) -> str | None:
    """A provider's id, which comes as a number or as text; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    return str(value).strip()[:256] or None


def dictionary(value: Any) -> dict[str, Any]:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def dictionaries(value: Any) -> list[dict[str, Any]]:
    """The objects of a list; nothing for what is none."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def from_seconds(value: Any) -> str | None:
    """A time in seconds since 1970, as RFC 3339; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int) or value not in _SECONDS:
        return None
    return datetime.fromtimestamp(value, tz=UTC).isoformat().replace("+00:00", "Z")


def from_millis(value: Any) -> str | None:
    """A time in milliseconds since 1970, as RFC 3339; None for what is none."""
    return from_seconds(value // 1000) if isinstance(value, int) and not isinstance(value, bool) else None
