"""What is logged reaches the log: a field that is not on the list of those that hold no personal data is left out, silently."""

import ast
from collections.abc import Iterator
from pathlib import Path

from shared.observability.logging import ALLOWED

CHECKOUT = Path(__file__).parents[2]
METHODS = {"debug", "info", "warning", "error", "exception", "critical"}


def fields_logged() -> Iterator[tuple[str, str]]:
    """Where, and the name of a field."""
    for folder in ("services", "shared"):
        for file in (CHECKOUT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                    continue
                if node.func.attr in METHODS and isinstance(node.func.value, ast.Name) and node.func.value.id == "log":
                    for keyword in node.keywords:
                        if keyword.arg is not None:
                            yield f"{file.relative_to(CHECKOUT)}:{node.lineno}", keyword.arg


def test_every_field_that_is_logged_is_let_through() -> None:
    found = list(fields_logged())
    assert len(found) > 50
    assert [(place, name) for place, name in found if name not in ALLOWED | {"exc_info"}] == []
