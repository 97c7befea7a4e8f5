"""What people do, as reporting reads it: inbound events, and what capture says became of them."""

from typing import Any

from shared.contracts.events.behaviour import BehaviourCorrected, BehaviourSettled
from shared.contracts.topics import EVENTS_INBOUND, LEAD_EVENTS, RECEIPTS_SETTLED
from shared.handling.records import Record
from tests.support.reporting import Stream, instant, lead_id, millis, origin, receipt_id


def observed(stream: Stream, source: str = "site") -> Record:
    """An event as it came."""
    return stream.record(
        EVENTS_INBOUND, "behaviour.submitted", b"{}", key=f"v{len(stream.ends)}", source=source, timestamp=millis()
    )


def behaved(stream: Stream, inbound: Record, n: int, kind: str = "page.viewed", second: int = 0, **said: Any) -> Record:
    """It is the n-th lead's. Members stand as capture writes them."""
    data = {
        "lead_id": lead_id(n), "matched_by": "email", "kind": kind, "occurred_at": instant(second=second),
        "source": inbound.source, **said, "properties": said.get("properties", {}), "origin": origin(inbound),
    }  # fmt: skip
    return stream.record(LEAD_EVENTS, "lead.behaved", data, key=lead_id(n), time=instant(second=second))


def settled(stream: Stream, inbound: Record, outcome: str = "anonymous", reason: str = "visitor_unknown") -> Record:
    """It is nobody's."""
    data = BehaviourSettled.model_validate({"outcome": outcome, "reason": reason, "origin": origin(inbound)})
    return stream.record(RECEIPTS_SETTLED, BehaviourSettled.TYPE, data, key=receipt_id(inbound))


def corrected(stream: Stream, wrong: Record, n: int, *, human: bool = False, change: str = "reclassified") -> Record:
    """An earlier event is seen otherwise."""
    data = BehaviourCorrected.model_validate(
        {
            "lead_id": lead_id(n), "corrects": wrong.event_id, "change": change, "kind": "page.viewed",
            "occurred_at": instant(), "human": human, "reason": "because", "corrected_at": instant(),
        }
    )  # fmt: skip
    return stream.record(LEAD_EVENTS, BehaviourCorrected.TYPE, data, key=lead_id(n))
