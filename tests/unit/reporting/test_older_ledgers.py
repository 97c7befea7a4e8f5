"""The ledger of a reporting of an earlier release is shown as far as it goes."""

import pytest

from services.reporting.cli.ledger import print_ledger


def test_what_an_earlier_release_does_not_tell_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    source = dict.fromkeys(
        ("received", "new", "merged", "rejected", "dead_lettered", "quarantined", "test", "in_flight", "replayed"), 1
    )
    stage = {"stage": "scoring", "entered": 1, "done": 1, "dead_lettered": 0, "waiting": 0}
    print_ledger({"sources": [{"source": "web", **source}], "stages": [stage]})
    assert "web" in (shown := capsys.readouterr().out) and "purged" not in shown
