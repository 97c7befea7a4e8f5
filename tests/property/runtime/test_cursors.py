"""Cursors name the place that they were made of; anything else is refused."""

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.runtime.paging import cursor_of, read_cursor
from shared.runtime.problems import Problem
from shared.runtime.reading import known_id


@given(st.datetimes(timezones=st.just(UTC)), st.uuids())
def test_a_cursor_leads_back_to_its_place(at: datetime, key: object) -> None:
    assert read_cursor(cursor_of(at, str(key))) == (at, str(key))


@given(st.text())
def test_any_other_text_is_refused_or_a_place_and_never_an_error(text: str) -> None:
    with contextlib.suppress(Problem):
        assert read_cursor(text) is not None


@pytest.mark.parametrize("cursor", ["", "x", "YQ==", "MjAyNnw=", "é", "\x00", "MDAwMS0wMS0wMVQwMDowMDowMCsyMzowMHx4"])
def test_what_is_no_cursor_is_a_problem_of_the_caller(cursor: str) -> None:
    with pytest.raises(Problem) as refused:
        read_cursor(cursor)
    assert (refused.value.status, refused.value.code, refused.value.field) == (422, "invalid_cursor", "cursor")


@given(st.uuids())
def test_an_id_in_a_path_may_be_written_in_other_ways(key: object) -> None:
    assert known_id(str(key).upper(), "lead") == known_id(str(key).replace("-", ""), "lead") == str(key)


@given(st.text())
def test_what_is_no_id_is_not_found(text: str) -> None:
    with contextlib.suppress(Problem):
        assert len(known_id(text, "lead")) == 36
