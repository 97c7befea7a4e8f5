"""What a lead did, as its events tell: corrected, dwell with its page, sessions and interests. By the time at which it
happened; a repetition or a late event changes nothing twice, for all of it is folded from the events when it is asked for.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from services.reporting.domain.leads import StoredEvent

BEHAVED: Final = "lead.behaved"
_CORRECTED: Final = "behaviour.corrected"
_LEFT: Final = "page.left"
SESSION_GAP: Final = timedelta(minutes=30)
# What a visitor does on a site; a call or a mail is no visit.
_ON_SITE: Final = frozenset(
    {"page.viewed", _LEFT, "site.searched", "link.clicked", "file.downloaded", "chat.opened", "form.viewed",
     "form.submitted", "video.played"}
)  # fmt: skip
MOST_INTERESTS: Final = 50


def seen(events: Sequence[StoredEvent]) -> list[StoredEvent]:
    """Events as they are seen now: what was taken back is gone, what a machine did says so, and the seconds in which a
    page was read stand with its view."""
    corrections = _corrections(events)
    standing = [
        _corrected(event, corrections[event.event_id]) if event.event_id in corrections else event
        for event in events
        if corrections.get(event.event_id, {}).get("change") != "retracted"
    ]
    dwell = _dwell(standing)
    viewed = {view for event in standing if event.facts.get("kind") == "page.viewed" and (view := _view_of(event))}
    return [
        _with_dwell(event, dwell)
        for event in standing
        if not (event.facts.get("kind") == _LEFT and _view_of(event) in viewed)
    ]


def _corrections(events: Sequence[StoredEvent]) -> dict[str, Mapping[str, Any]]:
    """The newest correction of each event; what was taken back stays so."""
    found: dict[str, Mapping[str, Any]] = {}
    for event in events:
        if event.type == _CORRECTED and found.get(event.facts["corrects"], {}).get("change") != "retracted":
            found[event.facts["corrects"]] = event.facts
    return found


def _corrected(event: StoredEvent, by: Mapping[str, Any]) -> StoredEvent:
    judged = {name: by.get(name) for name in ("human", "human_probability", "bot_reasons")}
    return replace(event, facts={**event.facts, **judged, "corrected": by.get("reason")})


def _view_of(event: StoredEvent) -> str | None:
    """The page view that an event belongs to, where its source says so."""
    properties = event.personal.get("properties")
    view = properties.get("view_id") if isinstance(properties, Mapping) else None
    return view if isinstance(view, str) else None


def _dwell(events: Sequence[StoredEvent]) -> dict[str, float]:
    """Seconds by page view. A page tells its sum again each time that it is left: the highest counts."""
    seconds: dict[str, float] = {}
    for event in events:
        view, said = _view_of(event), event.facts.get("dwell_s")
        if view is not None and isinstance(said, int | float):
            seconds[view] = max(seconds.get(view, 0.0), float(said))
    return seconds


def _with_dwell(event: StoredEvent, dwell: Mapping[str, float]) -> StoredEvent:
    view = _view_of(event)
    if event.facts.get("kind") != "page.viewed" or view not in dwell:
        return event
    return replace(event, facts={**event.facts, "dwell_s": dwell[view or ""]})


def interests(events: Sequence[StoredEvent], *, personal: bool) -> dict[str, Any]:
    """What a lead is interested in, ranked, and how often it came. Search terms are for those who may see what is
    personal."""
    did = [event for event in seen(events) if event.type == BEHAVED and event.facts.get("human") is not False]
    pages = [event for event in did if event.facts.get("kind") == "page.viewed"]
    return {
        "sessions": _sessions(did),
        "kinds": _ranked(event.facts.get("kind") for event in did),
        "categories": _categories(pages),
        "topics": _ranked(topic for event in pages for topic in event.facts.get("topics", ())),
        "search_terms": _ranked(event.personal.get("search_term") for event in did) if personal else [],
        "materials": _ranked(event.facts.get("material_id") for event in did),
        "intent": _ranked(
            event.personal.get("properties", {}).get("topic")
            for event in did
            if event.facts["kind"] == "intent.reported"
        )
        if personal
        else [],
    }


def _sessions(did: Sequence[StoredEvent]) -> dict[str, Any]:
    """Visits to the site: 30 minutes without anything end one."""
    times = sorted(datetime.fromisoformat(event.occurred_at) for event in did if event.facts.get("kind") in _ON_SITE)
    starts = [at for n, at in enumerate(times) if n == 0 or at - times[n - 1] > SESSION_GAP]
    return {
        "count": len(starts),
        "first_at": times[0].isoformat() if times else None,
        "last_at": times[-1].isoformat() if times else None,
    }


def _categories(pages: Sequence[StoredEvent]) -> list[dict[str, Any]]:
    views, seconds = Counter[str](), Counter[str]()
    for event in pages:
        category = event.facts.get("category") or "other"
        views[category] += 1
        seconds[category] += event.facts.get("dwell_s") or 0
    ranked = sorted(views, key=lambda category: (-seconds[category], -views[category], category))
    return [{"category": c, "views": views[c], "dwell_s": round(float(seconds[c]), 1)} for c in ranked]


def _ranked(found: Iterable[Any]) -> list[dict[str, Any]]:
    counts = Counter(each for each in found if isinstance(each, str) and each)
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return [{"name": name, "count": n} for name, n in ranked[:MOST_INTERESTS]]
