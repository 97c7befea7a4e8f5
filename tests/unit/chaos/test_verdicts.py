"""What is said of faults: one that could not be done is neither passed nor fallen, and a run of such alone is no good one."""

from collections.abc import Sequence

from tests.chaos.verdict import FELL, NOT_RUN, NOTHING, PASSED, Verdict, survived, table


def verdict(*, problems: Sequence[str] = (), missing: Sequence[str] = (), not_run: str | None = None) -> Verdict:
    return Verdict("F12", "disk full", "P1", 1, 0, {}, problems, missing, 1.0, {}, {}, not_run)


def test_a_fault_that_could_not_be_done_has_a_word_of_its_own_unless_something_fell() -> None:
    assert verdict().verdict == PASSED
    assert verdict(missing=["waits 0 of 1"]).verdict == NOTHING
    assert verdict(not_run="only root can").verdict == NOT_RUN
    assert verdict(problems=["lost"], not_run="only root can").verdict == FELL


def test_a_run_is_good_where_something_passed_and_nothing_fell() -> None:
    assert survived([verdict(), verdict(not_run="x")])
    assert not survived([verdict(not_run="x")])
    assert not survived([])
    assert not survived([verdict(), verdict(problems=["lost"])])
    assert not survived([verdict(), verdict(missing=["waits 0 of 1"])])


def test_the_table_says_why_it_was_not_done() -> None:
    text = table([verdict(not_run="only root can mount a small disk")], {})
    assert "| **not run** |" in text and "**F12** not run: only root can mount a small disk" in text
