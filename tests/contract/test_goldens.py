"""Records and schemas of released versions against today's models: the contract only grows."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from shared.contracts import ids
from shared.contracts.catalog import ANY_TYPE, CONTRACTS, RESERVED
from shared.contracts.generate.schemas import ENVELOPE, INBOUND_ENVELOPE, schema_of
from shared.contracts.topics import TOPICS
from tests.contract.compatibility import breaks, shape_of
from tests.contract.freeze import Refused, add_golden, grown
from tests.contract.goldens import FOLDER, Golden, all_goldens, checksums, digest_of, frozen_shapes, shapes_today

GOLDENS = all_goldens()
each_golden = pytest.mark.parametrize("golden", GOLDENS, ids=lambda golden: golden.name)


def test_every_published_type_has_a_golden() -> None:
    assert {golden.event_type for golden in GOLDENS} == set(CONTRACTS) - RESERVED


@each_golden
def test_todays_model_reads_it_and_loses_nothing(golden: Golden) -> None:
    read = CONTRACTS[golden.event_type].model_validate_json(json.dumps(golden.value))
    _assert_holds(read.model_dump(mode="json"), golden.value, "")


@each_golden
def test_the_published_schema_takes_it(golden: Golden) -> None:
    schema = schema_of(golden.event_type, CONTRACTS[golden.event_type])
    assert [error.message for error in Draft202012Validator(schema).iter_errors(golden.value)] == []


@each_golden
def test_fields_that_a_later_version_added_do_no_harm(golden: Golden) -> None:
    model = CONTRACTS[golden.event_type]
    known = set(model.model_fields)
    later = {**_with_additions(golden.value), "added_later": {"a": [1]}}
    read = model.model_validate(later)
    assert known <= set(read.model_dump())


@each_golden
def test_it_stands_on_a_topic_that_carries_its_type(golden: Golden) -> None:
    types = TOPICS[golden.topic].event_types
    assert golden.event_type in types and ANY_TYPE not in types


@each_golden
def test_its_headers_are_the_envelope(golden: Golden) -> None:
    schema = INBOUND_ENVELOPE if TOPICS[golden.topic].log_append_time else ENVELOPE
    Draft202012Validator(dict(schema)).validate(golden.headers)
    assert golden.headers.get("ce_type", golden.event_type) == golden.event_type
    assert set(golden.headers) <= set(schema["properties"])


@pytest.mark.parametrize("kind", ["opportunity.converted", "opportunity.redacted"])
def test_a_conversion_names_the_event_that_tells_of_it(kind: str) -> None:
    for golden in GOLDENS:
        if golden.event_type == kind:
            assert golden.value["event_id"] == golden.headers["ce_id"]


def test_event_ids_are_derived_today_as_they_were() -> None:
    """One lead followed from its submission to the opportunity, by the ids of the golden records."""
    by_name = {golden.name: golden.headers for golden in GOLDENS}
    cause = ids.root_event_id("website", by_name["lead.submitted/website_full"]["ce_id"])
    for stage, name in (
        ("capture", "lead.captured/new"),
        ("scoring", "lead.scored/hot"),
        ("routing", "lead.routed/owner"),
        ("conversion", "opportunity.converted/by_gate"),
    ):
        headers = by_name[name]
        assert headers["ce_id"] == ids.derived_event_id(stage, cause, headers["ce_type"], headers["ce_subject"])
        cause = headers["ce_id"]


def test_no_golden_was_changed_or_taken_away() -> None:
    noted = checksums()
    assert set(noted) == {golden.path.relative_to(FOLDER).as_posix() for golden in GOLDENS}
    assert [name for name, digest in noted.items() if digest_of(FOLDER / name) != digest] == []


@pytest.mark.parametrize("kind", sorted(set(CONTRACTS) - RESERVED))
def test_the_frozen_schema_only_grew(kind: str) -> None:
    assert breaks(frozen_shapes()[kind], shape_of(CONTRACTS[kind])) == []


def test_everything_that_is_published_is_frozen() -> None:
    """`python -m tests.contract.freeze schemas` adds a new type or field."""
    assert frozen_shapes() == shapes_today()


OLD = {
    "lead": {"is": "object", "required": True},
    "lead.email": {"is": "null | string", "required": False},
    "lead.lead_id": {"is": "string", "required": True},
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"lead.email": None}, "lead.email: removed"),
        ({"lead.email": None, "lead.mail": {"is": "null | string", "required": False}}, "lead.email: removed"),
        ({"lead.email": {"is": "string", "required": False}}, "lead.email: was null | string, is string"),
        ({"lead.email": {"is": "null | string", "required": True}}, "lead.email: was optional, is required"),
        ({"lead.lead_id": {"is": "string", "required": False}}, "lead.lead_id: was required, is optional"),
        ({"lead.grade": {"is": "string", "required": True}}, "lead.grade: new and required"),
        ({"lead.lead_id": {"is": "string maxLength=3", "required": True}}, "lead.lead_id: was string"),
    ],
)
def test_what_breaks_the_contract_is_noticed(change: dict[str, Any], said: str) -> None:
    new = {path: field for path, field in {**OLD, **change}.items() if field is not None}
    found = breaks(OLD, new)
    assert len(found) == 1 and found[0].startswith(said)
    with pytest.raises(Refused):
        grown({"lead.captured": OLD}, {"lead.captured": new})


def test_what_only_adds_is_taken() -> None:
    new = {
        **OLD,
        "lead.pronouns": {"is": "null | string", "required": False},
        "journey": {"is": "null | object", "required": False},
        "journey.step": {"is": "string", "required": True},
    }
    assert breaks(OLD, new) == []
    assert grown({"lead.captured": OLD}, {"lead.captured": new}) == {"lead.captured": new}


def test_a_type_that_is_gone_is_noticed() -> None:
    with pytest.raises(Refused):
        grown({"lead.captured": OLD}, {})


def test_a_golden_is_added_and_never_replaced(tmp_path: Path) -> None:
    source = FOLDER / "access.revoke/key.json"
    added = add_golden("access.revoke", "another", source, tmp_path)
    assert (tmp_path / "SHA256SUMS").read_text() == f"{digest_of(added)}  access.revoke/another.json\n"
    with pytest.raises(Refused):
        add_golden("access.revoke", "another", source, tmp_path)


def _assert_holds(read: Any, given: Any, place: str) -> None:
    """Everything that was given is there, under its name, as it was. A model may add defaults."""
    if isinstance(given, dict):
        for name, value in given.items():
            assert name in read, f"{place}{name} is lost"
            _assert_holds(read[name], value, f"{place}{name}.")
    elif isinstance(given, list):
        assert len(read) == len(given), f"{place} has another length"
        for item, value in zip(read, given, strict=True):
            _assert_holds(item, value, f"{place}[].")
    else:
        assert read == given, f"{place} has another value"
        assert type(read) is type(given), f"{place} has another type"


def _with_additions(value: Any) -> Any:
    """A copy with an unknown field in every object."""
    if isinstance(value, dict):
        return {**{name: _with_additions(part) for name, part in value.items()}, "x_unknown": "later"}
    if isinstance(value, list):
        return [_with_additions(part) for part in value]
    return copy.copy(value)
