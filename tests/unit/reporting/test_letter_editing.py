"""Editing a record by single fields, and what commands say of replays."""

import orjson
import pytest

from services.reporting.cli.progress import line_of
from services.reporting.cli.replaying import said_of
from services.reporting.domain.editing import NotEditable, edited

LEAD = orjson.dumps({"email": "old@example.com", "company": {"name": "Old"}, "phones": ["1", "2"], "note": None})


@pytest.mark.parametrize(
    ("change", "path", "expected"),
    [
        ("email=ann@example.com", ("email",), "ann@example.com"),
        ("email=a=b:=c", ("email",), "a=b:=c"),
        ("email=", ("email",), ""),
        ("company.employees:=250", ("company", "employees"), 250),
        ('phones:=["3"]', ("phones",), ["3"]),
        ("phones.1=9", ("phones", 1), "9"),
        ("phones.2=9", ("phones", 2), "9"),
        ("email:=null", ("email",), None),
        ("note.by=Ann", ("note", "by"), "Ann"),
        ("lines.0.sku=X", ("lines", 0, "sku"), "X"),
    ],
)
def test_a_field_is_set_and_the_rest_stays(change: str, path: tuple[str | int, ...], expected: object) -> None:
    document = orjson.loads(edited(LEAD, [change]))
    for step in path:
        document = document[step]
    assert document == expected
    assert orjson.loads(edited(LEAD, [change, "company.name=New"]))["company"]["name"] == "New"


@pytest.mark.parametrize(
    "change", ["email", "=x", "employees:=many", "phones.7=x", "phones.first=x", "email.part=secret@example.com", ""]
)
def test_what_cannot_be_set_is_said_without_the_value(change: str) -> None:
    with pytest.raises(NotEditable) as refusal:
        edited(LEAD, [change])
    assert "secret" not in str(refusal.value)


def test_only_json_is_edited_by_field() -> None:
    with pytest.raises(NotEditable, match="--body"):
        edited(b"not json", ["a=b"])


def test_progress_tells_rate_and_time_left() -> None:
    assert line_of("replay", 120, 1_000, 2.4) == "replay: 120 of 1,000, 50.0/s, 18 s left"
    assert line_of("replay", 0, 10, 0.0) == "replay: 0 of 10, 0.0/s"
    assert line_of("replay", 10, 10, 2.0) == "replay: 10 of 10, 5.0/s"


@pytest.mark.parametrize(
    ("completed", "said"),
    [
        ({"status": "pending"}, "not done yet"),
        ({"status": "done", "result": {"replayed": True, "outcome": "new", "subject": "L"}}, "replayed: new, L"),
        ({"status": "done", "result": {"replayed": False, "outcome": "merged"}}, "applied before (merged)"),
        ({"status": "refused", "reason": "already_applied", "result": {"detail": "why"}}, "already_applied: why"),
        (
            {"status": "dead_lettered", "reason": "no_type", "result": {"place": "", "exception": "E at m:1"}},
            "no_type, E",
        ),
    ],
)
def test_what_became_of_a_replay_is_said(completed: dict[str, object], said: str) -> None:
    assert said in said_of(completed)
