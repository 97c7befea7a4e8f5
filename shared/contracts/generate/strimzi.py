"""`deploy/kubernetes/topics.yaml`: the register as Strimzi `KafkaTopic` manifests."""

from collections.abc import Mapping
from typing import Any, Final

import yaml

from shared.contracts.topics import TOPICS, Topic

CLUSTER: Final = "leadstream"
REPLICAS: Final = 3
MIN_INSYNC: Final = 2
_HEAD: Final = (
    "# Generated from shared/contracts/topics.py by `python -m shared.contracts.generate --write`; do not edit.\n"
    "# For a production cluster: three replicas, two of them in sync. The label names the Strimzi Kafka resource.\n"
)


def topic_manifests(topics: Mapping[str, Topic] = TOPICS) -> str:
    """All manifests as one YAML stream."""
    documents = [_manifest(topic) for topic in topics.values()]
    return _HEAD + yaml.safe_dump_all(documents, sort_keys=False, explicit_start=True)


def _manifest(topic: Topic) -> dict[str, Any]:
    return {
        "apiVersion": "kafka.strimzi.io/v1beta2",
        "kind": "KafkaTopic",
        "metadata": {"name": topic.name, "labels": {"strimzi.io/cluster": CLUSTER}},
        "spec": {
            "topicName": topic.name,
            "partitions": topic.partitions,
            "replicas": REPLICAS,
            "config": {**_config(topic), "min.insync.replicas": MIN_INSYNC},
        },
    }


def _config(topic: Topic) -> dict[str, Any]:
    return {name: int(value) if value.lstrip("-").isdigit() else value for name, value in topic.settings().items()}
