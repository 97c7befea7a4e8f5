"""`docs/topics.md`: the register as a table for people."""

from collections.abc import Mapping
from typing import Final

from shared.contracts.topics import DAY_MS, TOPICS, Topic

_HEAD: Final = """\
# Topics

Generated from `shared/contracts/topics.py` by `python -m shared.contracts.generate --write`; do not edit.

Partitions marked \\* are those of the spine, the same for all of it, fixed at creation (`LEADSTREAM_SPINE_PARTITIONS`).
Every record carries CloudEvents headers; schemas are in [`schemas/`](schemas), the whole in [`asyncapi.yaml`](asyncapi.yaml).

| Topic | Carries | Key | Partitions | Kept | Personal data | Published by | Read by |
|---|---|---|---|---|---|---|---|
"""


def topics_table(topics: Mapping[str, Topic] = TOPICS) -> str:
    """The page."""
    rows = "".join(_row(topic) for topic in topics.values())
    purposes = "".join(f"- `{topic.name}`: {topic.purpose}.\n" for topic in topics.values())
    return f"{_HEAD}{rows}\n## What for\n\n{purposes}"


def _row(topic: Topic) -> str:
    cells = (
        f"`{topic.name}`",
        ", ".join("any record" if kind == "*" else f"`{kind}`" for kind in topic.event_types),
        topic.key,
        _partitions(topic),
        kept(topic),
        "yes" if topic.personal else "no",
        topic.owner,
        ", ".join(topic.consumers) or "nobody; kept for people",
    )
    return f"| {' | '.join(cells)} |\n"


def _partitions(topic: Topic) -> str:
    return f"{topic.partitions} \\*" if topic.spine else str(topic.partitions)


def kept(topic: Topic) -> str:
    """How long, in words."""
    if topic.compacted:
        return "newest of each key, for ever"
    if topic.retention_ms is None:
        return "for ever"
    return f"{topic.retention_ms / DAY_MS:g} days"
