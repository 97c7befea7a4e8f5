"""The generated documents are those of the register, and valid as what they claim to be."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator, Draft202012Validator

from shared.contracts.catalog import CONTRACTS
from shared.contracts.generate import asyncapi_document, differences, write_files
from shared.contracts.generate.__main__ import main
from shared.contracts.generate.strimzi import topic_manifests
from shared.contracts.topics import CAPTURED, SERVICES, TOPICS

CHECKOUT = Path(__file__).parents[2]
OFFICIAL = Path(__file__).with_name("asyncapi-3.0.0.schema.json")


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((CHECKOUT / "docs/asyncapi.yaml").read_text())
    return loaded


@pytest.fixture(scope="module")
def official() -> Draft7Validator:
    return Draft7Validator(json.loads(OFFICIAL.read_text()))


def test_the_files_in_the_checkout_are_as_generated() -> None:
    assert differences(CHECKOUT) == []


@pytest.mark.parametrize(
    "change", [{"partitions": 13}, {"retention_ms": 1}, {"key": "something else"}, {"consumers": ("routing",)}]
)
def test_a_change_of_the_register_is_noticed(change: dict[str, Any]) -> None:
    planted = {**TOPICS, CAPTURED: replace(TOPICS[CAPTURED], **change)}
    assert "docs/asyncapi.yaml: not as generated" in differences(CHECKOUT, planted)


def test_a_topic_that_was_left_out_of_the_files_is_noticed() -> None:
    planted = {**TOPICS, "leads.planted.v1": replace(TOPICS[CAPTURED], name="leads.planted.v1")}
    noticed = differences(CHECKOUT, planted)
    assert {line.partition(":")[0] for line in noticed} == {
        "docs/asyncapi.yaml",
        "docs/topics.md",
        "deploy/kubernetes/topics.yaml",
    }


def test_writing_mends_what_differs_and_removes_what_is_left_over(tmp_path: Path) -> None:
    write_files(tmp_path)
    leftover = tmp_path / "docs/schemas/lead.gone.v1.json"
    leftover.write_text("{}")
    table = tmp_path / "docs/topics.md"
    table.write_text("changed by hand")
    assert main(["--check"], tmp_path) == 1
    assert write_files(tmp_path) == ["docs/topics.md", "docs/schemas/lead.gone.v1.json"]
    assert main(["--check"], tmp_path) == 0


def test_the_document_is_valid_asyncapi(document: dict[str, Any], official: Draft7Validator) -> None:
    assert [error.message for error in official.iter_errors(document)] == []


@pytest.mark.parametrize("part", ["asyncapi", "info"])
def test_the_official_schema_bites(document: dict[str, Any], official: Draft7Validator, part: str) -> None:
    assert not official.is_valid({name: value for name, value in document.items() if name != part})


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    references = list(_references(document))
    assert len(references) > 200
    assert [reference for reference in references if not _resolves(document, reference)] == []


def test_no_operation_names_a_message_that_its_channel_does_not_have(document: dict[str, Any]) -> None:
    for operation in document["operations"].values():
        channel = operation["channel"]["$ref"]
        assert all(message["$ref"].startswith(f"{channel}/messages/") for message in operation["messages"])


def test_every_service_reads_and_publishes(document: dict[str, Any]) -> None:
    done = {tuple(name.split(".")[:2]) for name in document["operations"]}
    assert done == {(service, action) for service in SERVICES for action in ("send", "receive")}


def test_the_document_is_the_same_each_time() -> None:
    assert asyncapi_document() == asyncapi_document()


@pytest.mark.parametrize("event_type", CONTRACTS)
def test_each_schema_file_is_a_schema(event_type: str) -> None:
    schema = json.loads((CHECKOUT / f"docs/schemas/{event_type}.v1.json").read_text())
    Draft202012Validator.check_schema(schema)
    assert schema["title"] == CONTRACTS[event_type].__name__


def test_topic_manifests_say_what_the_register_says() -> None:
    manifests = {each["metadata"]["name"]: each for each in yaml.safe_load_all(topic_manifests())}
    assert set(manifests) == set(TOPICS)
    for name, manifest in manifests.items():
        config = {key: str(value) for key, value in manifest["spec"]["config"].items()}
        assert config.pop("min.insync.replicas") == "2"
        assert config == TOPICS[name].settings()
        assert manifest["spec"]["partitions"] == TOPICS[name].partitions


def _references(node: Any) -> Any:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            else:
                yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _resolves(document: Any, reference: str) -> bool:
    for part in reference.removeprefix("#/").split("/"):
        if not isinstance(document, dict) or part not in document:
            return False
        document = document[part]
    return True
