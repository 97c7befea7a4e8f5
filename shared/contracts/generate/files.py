"""The generated files: which they are, whether those on disk are right, and writing them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from shared.contracts.generate.asyncapi import asyncapi_document
from shared.contracts.generate.schemas import schema_files
from shared.contracts.generate.strimzi import topic_manifests
from shared.contracts.generate.topics_table import topics_table
from shared.contracts.topics import TOPICS, Topic

SCHEMAS_FOLDER: Final = "docs/schemas"
_HEAD: Final = (
    "# Generated from shared/contracts by `python -m shared.contracts.generate --write`; do not edit.\n"
    "# The contract with sources and downstream systems. Within a version it only grows.\n"
)


class _Plain(yaml.SafeDumper):
    """YAML without anchors, which many readers of AsyncAPI do not follow."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def asyncapi_yaml(topics: Mapping[str, Topic] = TOPICS) -> str:
    """The AsyncAPI document as text."""
    return _HEAD + yaml.dump(
        asyncapi_document(topics),
        Dumper=_Plain,
        sort_keys=False,
        allow_unicode=True,
        width=100,
        default_flow_style=False,
    )


def generated_files(topics: Mapping[str, Topic] = TOPICS) -> dict[str, str]:
    """The text of every generated file, by its path in the checkout."""
    return {
        "docs/asyncapi.yaml": asyncapi_yaml(topics),
        "docs/topics.md": topics_table(topics),
        "deploy/kubernetes/topics.yaml": topic_manifests(topics),
        **{f"{SCHEMAS_FOLDER}/{name}": text for name, text in schema_files().items()},
    }


def differences(root: Path, topics: Mapping[str, Topic] = TOPICS) -> list[str]:
    """What is missing, different or left over, a line each; empty when all is as generated."""
    wanted = generated_files(topics)
    found = [_difference(root, name, text) for name, text in wanted.items()]
    return [line for line in found if line] + [f"{name}: left over" for name in _leftovers(root, wanted)]


def write_files(root: Path) -> list[str]:
    """Write what is not as it should be, remove what is left over; answers the paths that it touched."""
    wanted = generated_files()
    changed = [name for name, text in wanted.items() if _difference(root, name, text)]
    for name in changed:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(wanted[name], encoding="utf-8")
    leftovers = _leftovers(root, wanted)
    for name in leftovers:
        (root / name).unlink()
    return [*changed, *leftovers]


def _difference(root: Path, name: str, text: str) -> str | None:
    path = root / name
    if not path.is_file():
        return f"{name}: missing"
    return None if path.read_text(encoding="utf-8") == text else f"{name}: not as generated"


def _leftovers(root: Path, wanted: Mapping[str, str]) -> list[str]:
    there = sorted((root / SCHEMAS_FOLDER).glob("*.json"))
    return [name for path in there if (name := path.relative_to(root).as_posix()) not in wanted]
