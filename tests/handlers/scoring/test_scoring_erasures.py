"""An erased person's lead keeps its score and loses everything else, whatever comes late."""

from collections.abc import AsyncIterator

import pytest

from services.scoring.adapters.erasure import FREE, PERSONAL
from shared.contracts.topics import ERASED
from shared.handling.outcomes import Produced, Skipped
from tests.support.erasing import canary, erased, remains, tables_of, unaccounted
from tests.support.scoring import Log, ScoringLane, lead_id, scoring_lane
from tests.support.stack import Servers

pytestmark = pytest.mark.stack


@pytest.fixture
async def lane(own: Servers) -> AsyncIterator[ScoringLane]:
    async with scoring_lane(own.postgres) as lane:
        yield lane


async def test_every_table_takes_part_or_holds_nothing_of_a_person(lane: ScoringLane, own: Servers) -> None:
    assert unaccounted(await tables_of(own.postgres, "scoring"), PERSONAL, FREE) == []


async def test_the_score_stays_and_the_person_goes(lane: ScoringLane, own: Servers) -> None:
    log = Log()
    scored = log.captured(1, **canary())
    await lane.settle(scored)
    before = await lane.row(1)
    assert await remains(own.postgres, "scoring") != []
    (outcome,) = await lane.settle(log.record(ERASED, "lead.erased", erased(2, lead_id(1))))
    assert outcome == Produced("erased", subject=lead_id(1))
    after = await lane.row(1)
    assert (after["score"], after["score_version"], after["lead_version"]) == (before["score"], 1, 2)
    assert await remains(own.postgres, "scoring") == []
    (again,) = await lane.settle(scored)
    assert again.outcome == "scored" and b"canary" not in again.events[0].data.lower()


async def test_what_comes_late_is_not_kept(lane: ScoringLane, own: Servers) -> None:
    """The erasure before the lead's first event, a merge that is older than it, and one twice."""
    log = Log()
    erasure = erased(3, lead_id(1), lead_id(2))
    late = [log.captured(1, **canary()), log.captured(2, 2, **canary()), log.merged(1, 2, 2, **canary())]
    await lane.settle(log.record(ERASED, "lead.erased", erasure))
    outcomes = await lane.settle(*late, log.record(ERASED, "lead.erased", erasure))
    assert [each.reason for each in outcomes if isinstance(each, Skipped)] == ["erased", "erased", "erased"]
    assert await remains(own.postgres, "scoring") == []
    assert (await lane.row(1))["lead_version"] == 3
