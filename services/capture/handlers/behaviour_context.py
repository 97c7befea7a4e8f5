"""Where an event came from, as its headers or its source say: what it is judged by, now and again later."""

from hashlib import sha256
from typing import Final

import orjson

from services.capture.domain.behaviour.humanity import CLICK, Context
from services.capture.domain.behaviour.reading import Behaviour
from services.capture.handlers.arrivals import ADDRESS_HEADER, AGENT_HEADER, Arrival
from shared.contracts.envelope import header_map

_LONGEST: Final = 512


def context_of(arrival: Arrival, behaviour: Behaviour) -> Context:
    """A browser's own, which capture noted, else what a mail or tracking tool says of the one that it saw."""
    headers, properties = header_map(arrival.record.headers), behaviour.properties
    if AGENT_HEADER in headers:
        address = headers.get(ADDRESS_HEADER)
        return Context(headers[AGENT_HEADER].decode(errors="replace"), address.decode("latin-1") if address else None)
    agent, address_said = properties.get("user_agent"), properties.get("ip")
    return Context(
        agent[:_LONGEST] if isinstance(agent, str) else None,
        address_said[:_LONGEST] if isinstance(address_said, str) else None,
    )


def is_by_browser(arrival: Arrival) -> bool:
    """Whether a browser sent it itself, with a key that everybody can read."""
    return AGENT_HEADER in header_map(arrival.record.headers)


def written(context: Context) -> str:
    """As it is stored."""
    return orjson.dumps(list(context)).decode()


def read_context(stored: str) -> Context:
    """As it was stored."""
    return Context._make(orjson.loads(stored))


def message_of(behaviour: Behaviour) -> str | None:
    """The digest of a message and the person whom it was sent to, for a click in it."""
    message_id, named = behaviour.about.get("message_id"), behaviour.named
    if behaviour.kind != CLICK or message_id is None:
        return None
    whose = named.partition_key or ""
    return sha256(f"message\0{message_id}\0{whose}".encode()).hexdigest()[:32]
