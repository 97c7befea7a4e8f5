"""What a lead did since a run began, by kind, as conditions ask for it: `did.mail.opened`."""

from typing import Any


def count_kind(done: dict[str, Any], kind: str) -> None:
    """`mail.opened` below `mail`; a kind that another one's part is counted under is passed over."""
    *parents, last = kind.split(".")
    part = done
    for parent in parents:
        below = part.setdefault(parent, {})
        if not isinstance(below, dict):
            return
        part = below
    if isinstance(part.get(last, 0), int):
        part[last] = part.get(last, 0) + 1
