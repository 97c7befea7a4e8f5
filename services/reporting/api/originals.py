"""Refused submissions with their originals: reporting keeps none of their bytes, Kafka has them for 14 days."""

from collections.abc import Mapping
from typing import Final

from services.reporting.handlers.replays import HeldLetter, with_original
from shared.contracts.topics import INBOUND, INBOUND_BULK
from shared.messaging.rereading import Coordinates, NotReadAgain, read_again
from shared.runtime.problems import Problem
from shared.runtime.service import Service

_TOPICS: Final = (INBOUND, INBOUND_BULK)


async def with_originals(service: Service, letters: Mapping[str, HeldLetter]) -> dict[str, HeldLetter]:
    """The letters, the refused ones with the record that was refused, where Kafka still has it. Raises a 503 problem when it
    does not answer."""
    places = {letter_id: _place(letter) for letter_id, letter in letters.items() if letter.row["kind"] == "rejected"}
    if not places:
        return dict(letters)
    settings = service.settings
    try:
        found = await read_again(settings.kafka_bootstrap, settings.names, _TOPICS, places.values())
    except NotReadAgain as error:
        detail = "Kafka, which has the original, does not answer. Try again."
        raise Problem(503, "unavailable", detail, headers={"Retry-After": "2"}) from error
    originals = {letter_id: found[place] for letter_id, place in places.items() if place in found}
    return {**letters, **{each: with_original(letters[each], original) for each, original in originals.items()}}


def _place(letter: HeldLetter) -> Coordinates:
    return Coordinates(letter.row["topic_id"], letter.row["partition"], letter.row["offset"])
