"""An imported list: its name, vendor, cost and parameters go with every row, also with those that are damaged."""

from typing import Any

import orjson
import pytest
import typer

from services.capture.commands.listing import ListOptions
from services.capture.domain.hygiene import CleanSubmission, read_submission
from services.capture.importing.mapping import ColumnMapping
from services.capture.importing.records import RowRecords
from services.capture.importing.refusal import FileRefused
from services.capture.importing.suggesting import apply_mapping, read_mapping, suggested
from services.capture.importing.table import Row
from shared.contracts.commands.capture import LIST_HEADER

OPTIONS = ListOptions("CFOs 2026", "Data Inc", "500 EUR", ("seniority=c-level", "size=50=100"), targets=True)


def mapping(constants: dict[str, str], header: tuple[str, ...] = ("email", "name")) -> ColumnMapping:
    written = suggested(header).model_copy(update={"constants": constants})
    return apply_mapping(written, header, source="fair")


def record_of(row: Row, constants: dict[str, str]) -> Any:
    return RowRecords("file", "fair", mapping(constants), b"a secret of the tests", "2026-03-01T12:00:00Z").record(row)


def test_every_row_says_on_which_list_it_stands() -> None:
    sent = record_of(Row(1, ["ann@example.com", "Ann"]), OPTIONS.constants())
    document = orjson.loads(sent.value)
    assert document["state"] == "target"
    assert document["list"] == {
        "name": "CFOs 2026",
        "vendor": "Data Inc",
        "cost": "500 EUR",
        "params": {"seniority": "c-level", "size": "50=100"},
    }
    read = read_submission(sent.value)
    assert isinstance(read, CleanSubmission) and read.facts["o"]["list"]["cost"] == ["500", "EUR"]
    assert LIST_HEADER not in dict(sent.headers)


def test_a_damaged_row_says_it_in_a_header() -> None:
    damaged = Row(2, [], damage="wrong_field_count", raw="a,b,c")
    headers = dict(record_of(damaged, OPTIONS.constants()).headers)
    assert orjson.loads(headers[LIST_HEADER]) == {"name": "CFOs 2026", "vendor": "Data Inc"}
    assert LIST_HEADER not in dict(record_of(damaged, {}).headers)


def test_a_cell_says_it_better_than_the_options() -> None:
    header = ("email", "List")
    written = read_mapping(b"name: mine\ncolumns: {List: list.name}\nconstants: {list.params.size: small}\n", "m.yaml")
    written = written.model_copy(update={"constants": {**written.constants, "list.name": "all others"}})
    made = apply_mapping(written, header, source="fair")
    assert made.document(["ann@example.com", "CTOs"])["list"] == {"name": "CTOs", "params": {"size": "small"}}
    assert made.document(["bob@example.com", ""])["list"]["name"] == "all others"


def test_a_field_that_does_not_exist_is_refused_still() -> None:
    with pytest.raises(FileRefused, match="does not exist"):
        read_mapping(b"name: mine\nconstants: {list.colour: red}\n", "m.yaml")


def test_options_that_are_not_given_say_nothing() -> None:
    assert ListOptions().constants() == {}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (ListOptions(vendor="Data Inc"), "--list"),
        (ListOptions("CFOs", cost="a lot"), "--cost"),
        (ListOptions("CFOs", params=("seniority",)), "--list-param"),
    ],
    ids=["no list", "no money", "no value"],
)
def test_options_that_make_no_sense_end_the_command(
    options: ListOptions, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended:
        options.constants()
    assert ended.value.exit_code == 2 and said in capsys.readouterr().err
