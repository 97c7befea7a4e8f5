"""`make soak`."""

from pathlib import Path

from tests.chaos.pipeline import Load


def main(minutes: float, seed: int, load: Load, json: Path | None, markdown: Path | None) -> int:
    """Not there yet."""
    raise NotImplementedError
