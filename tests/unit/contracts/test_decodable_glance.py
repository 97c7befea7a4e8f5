"""What services send each other all day is only glanced at: decoding each lead once more would cost more than reading it."""

import orjson
import pytest

from shared.contracts import decodable
from tests.contract.goldens import Golden, all_goldens

HOT = [golden for golden in all_goldens() if golden.event_type in ("lead.captured", "lead.scored", "lead.routed")]


@pytest.mark.parametrize("golden", HOT, ids=lambda golden: golden.name)
def test_a_lead_is_not_decoded(golden: Golden, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decodable, "_is_decoded", lambda _text: pytest.fail("it was decoded"))
    assert decodable.is_decodable(orjson.dumps(golden.value))
