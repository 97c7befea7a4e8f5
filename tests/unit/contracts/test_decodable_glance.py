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


def test_sentences_and_ids_look_like_no_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decodable, "_is_decoded", lambda _text: pytest.fail("it was decoded"))
    told = {
        "matched": [
            "source in referral, partner, event, existing_customer",
            "address.country in US, CA, DE and 19 more",
        ],
        "hash": "507bef472fa95936a52b3e617bec3879",
        "id": "1e5",
        "points": -5,
        "shares": [0.5, True, False, None],
    }
    assert decodable.is_decodable(orjson.dumps(told))
