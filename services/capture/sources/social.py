"""Follows on social platforms, as whoever watches them tells: a target each, known by its platform and handle."""

import re
from typing import Any, Final

from services.capture.domain.placing import FieldMapping
from services.capture.domain.refusal import Refused, refuse
from services.capture.sources.composing import compose
from services.capture.sources.configured import ConfiguredSource
from services.capture.sources.gathering import Gathered
from services.capture.sources.generic import json_inputs
from services.capture.sources.protocol import Document

FOLLOW: Final = "social.follow"
_STEERING: Final = frozenset({"id", "type", "at", "test", "platform", "handle"})
_BUILT_IN: Final = FieldMapping(
    "social@1", {"url": "extra", "profile_url": "extra", "account": "extra", "position": "extra"}
)
_PLATFORM: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_HANDLE: Final = re.compile(r"[^\s:/]{1,128}")
_RENAMED: Final = {"x": "twitter", "x.com": "twitter"}


class Social(Gathered):
    """See protocol.WebSource."""

    def read(self, raw: bytes, content_type: str, source: ConfiguredSource | None) -> Document | Refused:
        """The handle is the person's id within its platform, in whatever case it is written; other fields by their names."""
        found = json_inputs(raw)
        if isinstance(found, Refused):
            return found
        values = dict(found)
        if values.get("type", FOLLOW) != FOLLOW:
            return refuse("invalid_value", "type")
        platform, handle = platform_of(values.get("platform")), handle_of(values.get("handle"))
        if platform is None:
            return refuse("invalid_value", "platform")
        if handle is None:
            return refuse("no_identifier", "handle")
        parts: dict[str, Any] = {
            "external_id": f"{platform}:{handle.lower()}",
            "state": "target",
            "test": values.get("test") is True or None,
            "extra": {"social_platform": platform, "social_handle": handle, "social_event": FOLLOW},
        }
        inputs = [(name, value) for name, value in found if name not in _STEERING]
        return compose(inputs, source, built_in=_BUILT_IN, lead_source="social/follow", parts=parts)


def platform_of(given: Any) -> str | None:
    """A platform's name, lower case and by its older name where it has two; None for what is no name."""
    name = given.strip().lower() if isinstance(given, str) else ""
    return _RENAMED.get(name, name) if _PLATFORM.fullmatch(name) else None


def handle_of(given: Any) -> str | None:
    """A handle without its `@`; None for what cannot be one, such as the address of a profile."""
    name = given.strip().removeprefix("@") if isinstance(given, str) else ""
    return name if _HANDLE.fullmatch(name) else None
