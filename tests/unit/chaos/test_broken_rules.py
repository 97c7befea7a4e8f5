"""Every document that F30 publishes as broken is broken, says where, and its editions are none."""

import re

import pytest

from services.scoring.domain.model import load_scoring_model
from services.scoring.seed import DEFAULT_MODEL
from shared.rules import RuleFileError
from tests.chaos.faults.f30_broken_rules import broken_documents, edition

GOOD = DEFAULT_MODEL.read_text(encoding="utf-8")
BROKEN = broken_documents(GOOD)


@pytest.mark.parametrize("what", sorted(BROKEN))
def test_it_is_refused_with_its_place(what: str) -> None:
    with pytest.raises(RuleFileError) as refused:
        load_scoring_model(BROKEN[what])
    assert re.search(r"scoring\.yaml:\d+:\d+", str(refused.value))


def test_editions_differ_in_what_scores_quote_and_in_nothing_else() -> None:
    first, second = (load_scoring_model(edition(GOOD, n)) for n in (1, 2))
    assert first.content_hash != second.content_hash
    assert [rule.points for rule in first.model.rules] == [rule.points for rule in second.model.rules]
