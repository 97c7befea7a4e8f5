"""A draft beside the live model: what it makes of the leads that were just scored, in counts. It decides nothing."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import orjson

from services.scoring.domain.scoring import CompiledModel
from services.scoring.domain.standing import Standing, weigh_stored


class Pair(NamedTuple):
    """The grades of the live model and of the draft, and which version was live."""

    live: str
    shadow: str
    live_version: int


@dataclass(slots=True)
class Counted:
    """How many scores, how many of them differ in points, and by how many in all (draft less live)."""

    scores: int = 0
    differing: int = 0
    difference: int = 0


def compare_scores(standings: Iterable[Standing], draft: CompiledModel, *, now: str) -> dict[Pair, Counted]:
    """Both models on the same leads at the same instant. `now` is an RFC 3339 instant; leads without a score are left out."""
    found: dict[Pair, Counted] = {}
    for standing in standings:
        if standing.origin is None or standing.erased or standing.merged_into is not None:
            continue
        live = orjson.loads(standing.score)
        if live is None:
            continue
        shadow = weigh_stored(standing, draft, now=now).score
        counted = found.setdefault(Pair(live["grade"], shadow["grade"], live["rules"]["version"]), Counted())
        counted.scores += 1
        counted.differing += shadow["value"] != live["value"]
        counted.difference += shadow["value"] - live["value"]
    return found
