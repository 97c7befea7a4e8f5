"""What reporting keeps of each event: facts without personal data, the personal part, and what it counts for.

Nothing is validated against a contract here: a reader of every topic must take what a later version adds. What cannot
be read raises one of UNREADABLE, and the record is stored as it came.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from uuid_utils import UUID

from services.reporting.domain.ledger import STITCHED, Place, Settlement
from services.reporting.domain.personal import facts_of_touch, split_lead
from services.reporting.domain.replays import ReplaySaid, said_by_completion, said_by_request

UNREADABLE: Final = (KeyError, TypeError, ValueError, AttributeError, RecursionError)
MARKETING_GRADES: Final = ("A", "B")
# Whoever a list names has not asked for anything, whatever grade that makes.
NOT_YET_LEADS: Final = ("target", "expired")
_INT4: Final = 2**31
_INT8: Final = 2**63
_TEXT: Final = 200


class Refusal(NamedTuple):
    """Why a submission was refused, and the topic that it came on."""

    code: str
    field: str | None
    topic: str | None


@dataclass(slots=True)
class Extract:
    """One event's parts. `stages` are those that the lead reached with it; `source` is the submission's source."""

    facts: dict[str, Any]
    lead_id: str | None = None
    source: str | None = None
    personal: dict[str, Any] | None = None
    stages: tuple[str, ...] = ()
    settlement: Settlement | None = None
    alias: tuple[str, str, int] | None = None
    refused: Refusal | None = None
    replay: ReplaySaid | None = None
    erased: Mapping[str, int] | None = None
    purged: tuple[str, Sequence[str]] | None = None
    """What a retention policy purged, and the leads."""


Reader = Callable[[Mapping[str, Any]], Extract]


def read_event(event_type: str, data: Any) -> Extract:
    """What is kept of an event. Raises one of UNREADABLE where the data is not what its type says."""
    if not isinstance(data, dict):
        raise TypeError("an event is a JSON object")
    return _READERS.get(event_type, _other)(data)


def plain_text(value: object) -> str:
    """A short text that Postgres can hold."""
    if type(value) is str and len(value) <= _TEXT and "\x00" not in value:
        return value
    return str(value).replace("\x00", "")[:_TEXT]


def _text(value: object) -> str | None:
    return None if value is None else plain_text(value)


def without_nul(value: Any) -> Any:
    """The same JSON value with every NUL taken out of its texts."""
    if isinstance(value, str):
        return value.replace("\x00", "")
    if isinstance(value, list):
        return [without_nul(part) for part in value]
    if isinstance(value, dict):
        return {name.replace("\x00", ""): without_nul(part) for name, part in value.items()}
    return value


def lead_id_of(value: object) -> str:
    """A lead id, checked to be a UUID in its usual form."""
    if not isinstance(value, str) or len(value) != 36:
        raise ValueError("not a lead id")
    UUID(value)
    return value


def version_of(value: Any) -> int:
    """A version, checked to be a number that a column can hold."""
    version = int(value)
    if not 0 <= version < _INT4:
        raise ValueError("not a version")
    return version


def place_of(inbound: Mapping[str, Any]) -> Place:
    """Coordinates, checked to be ones that can exist."""
    partition, offset = int(inbound["partition"]), int(inbound["offset"])
    if not (0 <= partition < _INT4 and 0 <= offset < _INT8):
        raise ValueError("not coordinates")
    return Place(lead_id_of(inbound["topic_id"]), partition, offset)


def _captured(data: Mapping[str, Any]) -> Extract:
    lead, origin = data["lead"], data["origin"]
    lead_id = lead_id_of(lead["lead_id"])
    facts, personal = split_lead(lead)
    kept = {
        "outcome": data["outcome"],
        "matched_by": data.get("matched_by"),
        "lead_version": version_of(data["lead_version"]),
        "lead": facts,
        **_receipt(origin),
    }
    if (touch := facts_of_touch(data.get("touch"))) is not None:
        kept["touch"] = touch
    return Extract(
        kept,
        lead_id,
        plain_text(origin["source"]),
        personal,
        ("captured",),
        settlement_of(origin, data["outcome"], None, lead_id),
    )


def _rejected(data: Mapping[str, Any]) -> Extract:
    origin, code = data["origin"], plain_text(data["code"])
    named = data.get("field")
    facts = {"code": code, "field": named, "detail": data.get("detail"), "row": data.get("row"), **_receipt(origin)}
    if data.get("rule"):
        facts["rule"] = plain_text(data["rule"])
    return Extract(
        facts,
        source=plain_text(origin["source"]),
        settlement=settlement_of(origin, "rejected", code, None),
        refused=Refusal(code, _text(named), _text(origin["inbound"].get("topic"))),
    )


def _settled(data: Mapping[str, Any]) -> Extract:
    origin = data["origin"]
    lead_id = None if data.get("lead_id") is None else lead_id_of(data["lead_id"])
    settlement = settlement_of(origin, data["outcome"], plain_text(data["reason"]), lead_id)
    facts = {"outcome": data["outcome"], "reason": data["reason"], **_receipt(origin)}
    if data.get("reasons"):
        facts["reasons"] = [plain_text(reason) for reason in data["reasons"]]
    return Extract(facts, lead_id, plain_text(origin["source"]), settlement=settlement)


def _scored(data: Mapping[str, Any]) -> Extract:
    score = data["score"]
    facts = {
        "score": score,
        "score_version": version_of(data["score_version"]),
        "lead_version": data.get("lead_version"),
    }
    qualified = score["grade"] in MARKETING_GRADES and data["lead"].get("state") not in NOT_YET_LEADS
    stages = ("scored", "marketing_qualified") if qualified else ("scored",)
    return Extract(facts, lead_id_of(data["lead"]["lead_id"]), plain_text(data["origin"]["source"]), stages=stages)


def _ready(data: Mapping[str, Any]) -> Extract:
    return Extract(dict(data), lead_id_of(data["lead_id"]))


def _routed(data: Mapping[str, Any]) -> Extract:
    facts = {
        "assignment": dict(data["assignment"]),
        "assignment_version": version_of(data["assignment_version"]),
        "score_version": data.get("score_version"),
        "lead_version": data.get("lead_version"),
    }
    return Extract(facts, lead_id_of(data["lead"]["lead_id"]), plain_text(data["origin"]["source"]), stages=("routed",))


_CONVERTED: Final = (
    "opportunity_id", "account_id", "contact_id", "conversion_id", "converted_at", "owner", "queue", "source",
    "campaign", "stage", "probability", "pipeline", "amount", "currency", "lines", "account_created", "contact_created",
    "fields_mapped", "reason",
)  # fmt: skip


def _converted(data: Mapping[str, Any]) -> Extract:
    score, origin = data.get("score"), data.get("origin")
    facts = {name: data[name] for name in _CONVERTED if data.get(name) is not None}
    facts["first_touch"] = facts_of_touch(data.get("first_touch"))
    facts["score"] = None if score is None else {"value": score["value"], "grade": score["grade"]}
    source = origin["source"] if origin else data.get("source") or "unknown"
    return Extract(facts, lead_id_of(data["lead_id"]), plain_text(source), stages=("converted",))


def _redacted(data: Mapping[str, Any]) -> Extract:
    extract = _converted(data)
    extract.stages = ()
    return extract


_CHANGED: Final = (
    "opportunity_id", "opportunity_version", "account_id", "change", "stage", "probability", "amount", "currency",
    "owner", "changed_at",
)  # fmt: skip


def _changed(data: Mapping[str, Any]) -> Extract:
    return Extract({name: data.get(name) for name in _CHANGED}, lead_id_of(data["lead_id"]))


def _merged(data: Mapping[str, Any]) -> Extract:
    winner, loser, version = (
        lead_id_of(data["winner_id"]),
        lead_id_of(data["loser_id"]),
        version_of(data["lead_version"]),
    )
    facts, personal = split_lead(data["lead"])
    personal |= {name: data[name] for name in ("evidence", "reason") if data.get(name)}
    kept = {"winner_id": winner, "loser_id": loser, "lead_version": version, "lead": facts}
    kept |= {"merged_at": data.get("merged_at"), "merge_id": data.get("merge_id")}
    return Extract(kept, winner, personal=personal, alias=(loser, winner, version))


def _unmerged(data: Mapping[str, Any]) -> Extract:
    """About one of the two leads; the separated one counts as captured from now on, if it did not before."""
    loser, version = lead_id_of(data["loser_id"]), version_of(data["lead_version"])
    facts, personal = split_lead(data["lead"])
    lead_id = lead_id_of(data["lead"]["lead_id"])
    kept = {"winner_id": lead_id_of(data["winner_id"]), "loser_id": loser, "lead_version": version, "lead": facts}
    kept |= {name: data.get(name) for name in ("unmerged_at", "merge_id")}
    return Extract(
        kept,
        lead_id,
        plain_text(data["lead"].get("source") or "unknown"),
        personal,
        ("captured",) if lead_id == loser else (),
        alias=(loser, loser, version),
    )


_BEHAVED: Final = (
    "kind", "occurred_at", "category", "dwell_s", "topics", "material_id", "message_id", "campaign", "matched_by",
    "linked_by", "human_probability", "human", "bot_reasons",
)  # fmt: skip


def _behaved(data: Mapping[str, Any]) -> Extract:
    """What somebody did: which page it was and what was looked for is personal, of what kind it was is not."""
    facts = {name: data[name] for name in _BEHAVED if data.get(name) not in (None, [])}
    personal = {name: data[name] for name in ("properties", "search_term", "visitor") if data.get(name)}
    origin, lead_id = data.get("origin"), lead_id_of(data["lead_id"])
    settlement = None if origin is None else settlement_of(origin, STITCHED, None, lead_id)
    if not isinstance(data["kind"], str):
        raise TypeError("a kind is a text")
    return Extract(facts, lead_id, plain_text(data.get("source") or "unknown"), personal, settlement=settlement)


def _corrected(data: Mapping[str, Any]) -> Extract:
    return Extract({**data, "corrects": lead_id_of(data["corrects"])}, lead_id_of(data["lead_id"]))


def _fate(data: Mapping[str, Any]) -> Extract:
    """What became of an event that has no lead: kept as a mark in the books, and nothing else."""
    origin = data["origin"]
    settlement = settlement_of(origin, data["outcome"], plain_text(data["reason"]), None)
    return Extract({}, source=plain_text(origin["source"]), settlement=settlement)


def _lead_changed(data: Mapping[str, Any]) -> Extract:
    facts, personal = split_lead(data["lead"])
    personal["reason"] = data.get("reason")
    kept = {name: data.get(name) for name in ("change", "author", "changed_at", "details")}
    kept |= {"lead_version": version_of(data["lead_version"]), "lead": facts}
    return Extract(kept, lead_id_of(data["lead"]["lead_id"]), personal=personal)


def _erasing(data: Mapping[str, Any]) -> Extract:
    extract = _other(data)
    extract.facts |= {name: plain_text(data[name]) for name in ("reason", "requested_by") if data.get(name)}
    return extract


def _access(data: Mapping[str, Any]) -> Extract:
    return Extract({name: value for name, value in data.items() if name != "secret_hash"})


def _erased(data: Mapping[str, Any]) -> Extract:
    leads = {
        lead_id_of(lead_id): version_of(lead["lead_version"])
        for lead in data["leads"]
        for lead_id in (lead["lead_id"], *lead.get("aliases", ()))
    }
    purged = (plain_text(what), [lead["lead_id"] for lead in data["leads"]]) if (what := data.get("purged")) else None
    return Extract(dict(data), lead_id_of(data["leads"][0]["lead_id"]), erased=leads, purged=purged)


def _everything(data: Mapping[str, Any]) -> Extract:
    return Extract(dict(data))


_PLAIN: Final = frozenset(
    {"command", "service", "status", "kind", "stage", "owner", "queue", "amount", "currency", "role", "version",
     "active", "queues", "event", "step", "journey", "outcome", "at", "segment", "interest", "action", "channel"}
)  # fmt: skip


def _other(data: Mapping[str, Any]) -> Extract:
    """Commands and types of later versions: ids, versions and a few plain words, nothing that may be personal."""
    facts = {
        name: value
        for name, value in data.items()
        if name in _PLAIN or name.endswith(("_id", "_version", "_at")) or (name == "reason" and "status" in data)
    }
    if isinstance(result := data.get("result"), dict):
        facts["result"] = {name: value for name, value in result.items() if name.endswith(("_id", "version"))}
    return Extract(facts, _lead_named(data))


def _replay(data: Mapping[str, Any]) -> Extract:
    extract = _other(data)
    extract.facts |= {"requested_by": data.get("requested_by"), "edited": data.get("edited") is True}
    extract.replay = said_by_request(data)
    return extract


def _completed(data: Mapping[str, Any]) -> Extract:
    extract = _other(data)
    extract.replay = said_by_completion(data)
    return extract


def _lead_named(data: Mapping[str, Any]) -> str | None:
    """The lead that a command or behaviour is about; None where it names none or nonsense."""
    try:
        return lead_id_of(data.get("lead_id") or data.get("winner_id"))
    except ValueError:
        return None


def _receipt(origin: Mapping[str, Any]) -> dict[str, Any]:
    return {"receipt_id": origin["receipt_id"], "received_at": origin["received_at"]}


def settlement_of(origin: Mapping[str, Any], outcome: object, reason: str | None, lead_id: str | None) -> Settlement:
    """What an event says of the submission that it names."""
    return Settlement(
        place_of(origin["inbound"]), plain_text(outcome), reason, lead_id, plain_text(origin["receipt_id"])
    )


_READERS: Final[dict[str, Reader]] = {
    "lead.captured": _captured,
    "lead.rejected": _rejected,
    "receipt.settled": _settled,
    "lead.scored": _scored,
    "readiness.changed": _ready,
    "lead.routed": _routed,
    "opportunity.converted": _converted,
    "opportunity.redacted": _redacted,
    "opportunity.changed": _changed,
    "lead.merged": _merged,
    "lead.changed": _lead_changed,
    "lead.erase": _erasing,
    "lead.behaved": _behaved,
    "behaviour.corrected": _corrected,
    "behaviour.settled": _fate,
    "lead.unmerged": _unmerged,
    "access.granted": _access,
    "rules.published": _everything,
    "lead.erased": _erased,
    "record.replay": _replay,
    "command.completed": _completed,
}
