"""What a linter does not look at: size of files, names, printing, sleeping tests, addresses."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
LONGEST = 400
BANNED = re.compile(r"(Manager|Helper|Util|Utils|Processor)$|_(manager|helper|util|utils|processor)s?$")
# Postgres may run such a subquery once for each row that it compares; the lock leaves out what the statement has changed by
# then, and the limit lets others in.
LOCKS_WITHIN = re.compile(
    r"\b(?:IN|FROM|JOIN)\s*\(\s*SELECT\b[^()]*(?:\([^()]*(?:\([^()]*\)[^()]*)*\)[^()]*)*\bFOR UPDATE\b"
)
# Commands talk to a terminal; the benchmark measures time.
MAY_PRINT = re.compile(r"^services/(cli/|\w+/(cli|commands)(/|\.py))")
MAY_SLEEP = re.compile(r"^tests/(support|benchmark|chaos)/")


def sources(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(path for path in (CHECKOUT / folder).rglob("*.py") if "__pycache__" not in path.parts)


def named(path: Path) -> str:
    return path.relative_to(CHECKOUT).as_posix()


def too_long(text: str) -> bool:
    return len(text.splitlines()) > LONGEST


def banned_names(tree: ast.AST) -> list[str]:
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return [node.name for node in ast.walk(tree) if isinstance(node, kinds) and BANNED.search(node.name)]


def prints(tree: ast.AST) -> list[int]:
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return [call.lineno for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"]


def sleeps_outside_of_a_loop(tree: ast.AST) -> list[int]:
    """Lines of sleeps that are not the pause of a loop which waits for a condition."""
    loops = [node for node in ast.walk(tree) if isinstance(node, ast.While)]
    paused = {id(inner) for loop in loops for inner in ast.walk(loop)}
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and id(node) not in paused)
    return [call.lineno for call in calls if _is_sleep(call.func)]


def _is_sleep(function: ast.expr) -> bool:
    return (
        isinstance(function, ast.Attribute)
        and function.attr == "sleep"
        and isinstance(function.value, ast.Name)
        and function.value.id in {"time", "asyncio"}
    )


def parsed(path: Path) -> ast.AST:
    return ast.parse(path.read_text(encoding="utf-8"))


def test_no_file_is_long() -> None:
    folders = ("services", "shared", "deploy", "tests")
    assert [named(path) for path in sources(*folders) if too_long(path.read_text(encoding="utf-8"))] == []


def test_nothing_is_called_a_manager_or_the_like() -> None:
    assert {named(path): names for path in sources("services", "shared", "deploy") if (names := _banned(path))} == {}


def _banned(path: Path) -> list[str]:
    return [path.stem] * bool(BANNED.search(f"_{path.stem}")) + banned_names(parsed(path))


def test_services_log_and_do_not_print() -> None:
    found = {named(path): lines for path in sources("services", "shared") if (lines := prints(parsed(path)))}
    assert {name: lines for name, lines in found.items() if not MAY_PRINT.search(name)} == {}


def test_tests_wait_for_conditions_and_never_just_sleep() -> None:
    found = {named(path): lines for path in sources("tests") if (lines := sleeps_outside_of_a_loop(parsed(path)))}
    assert {name: lines for name, lines in found.items() if not MAY_SLEEP.search(name)} == {}


@pytest.mark.parametrize("name", ["LeadManager", "rule_helper", "ScoreProcessor", "date_utils"])
def test_a_banned_name_is_found(name: str) -> None:
    keyword = "class" if name[0].isupper() else "def"
    suffix = ":" if keyword == "class" else "():"
    assert banned_names(ast.parse(f"{keyword} {name}{suffix} pass")) == [name]


def test_a_sleep_and_a_print_are_found() -> None:
    assert sleeps_outside_of_a_loop(ast.parse("import time\ntime.sleep(1)")) == [2]
    assert sleeps_outside_of_a_loop(ast.parse("while not done():\n    time.sleep(0.1)")) == []
    assert prints(ast.parse("print(1)")) == [1]


def test_a_long_file_is_found() -> None:
    assert too_long("x\n" * (LONGEST + 1)) and not too_long("x\n" * LONGEST)


# Locks and settings must work wherever the checkout is taken: registries come from the client's own configuration.
def test_no_row_is_chosen_and_locked_more_than_once() -> None:
    found = [named(path) for path in sources("services", "shared") if LOCKS_WITHIN.search(path.read_text("utf-8"))]
    assert not found, f"choose rows in a WITH or an ARRAY(...), which run once: {found}"


def test_a_lock_that_may_be_taken_more_than_once_is_found() -> None:
    assert LOCKS_WITHIN.search(
        "DELETE FROM a WHERE b IN (\n SELECT b FROM a WHERE c IN (1, 2) LIMIT 5 FOR UPDATE SKIP LOCKED)"
    )
    assert not LOCKS_WITHIN.search("SELECT b FROM a WHERE b IN (SELECT b FROM c) FOR UPDATE")
    assert LOCKS_WITHIN.search("UPDATE a SET d = 1 FROM (SELECT b FROM a LIMIT 5 FOR UPDATE) AS c WHERE a.b = c.b")
    assert not LOCKS_WITHIN.search("DELETE FROM a WHERE b = ANY(ARRAY(SELECT b FROM a LIMIT 5 FOR UPDATE))")


ADDRESSES = re.compile(r"--(extra-)?index-url|files\.pythonhosted|registry\.npmjs|repo1?\.maven|ghcr\.io")


def test_no_tracked_file_names_a_registry() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    names = [name for name in listed.stdout.decode().split("\0") if name and name != named(Path(__file__))]
    texts = ((name, CHECKOUT / name) for name in names)
    assert [name for name, path in texts if path.is_file() and ADDRESSES.search(path.read_text(errors="replace"))] == []
