"""The direction of imports, and that its gate bites: violations are planted in a copy."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]

# Where a line is planted, and the contract that must break.
PLANTED = [
    ("services/scoring/domain", "import services.routing.domain", "Services never import each other"),
    ("services/capture/domain", "import aiokafka", "Domains decide and do nothing else"),
    ("services/capture/domain", "import logging", "Domains decide and do nothing else"),
    ("services/routing/domain", "from shared.messaging import names", "Domains decide and do nothing else"),
    ("services/routing/domain", "import services.routing.handlers", "Inside a service: main, edges, adapters"),
    ("services/conversion/handlers", "import services.conversion.adapters", "Inside a service: main, edges, adapters"),
    ("services/conversion/handlers", "import asyncpg", "Handlers load and save through ports"),
    ("services/reporting/adapters", "import services.cli", "Only the command line and the preview compose services"),
    (
        "services/reporting/handlers",
        "import services.preview",
        "Only the command line and the preview compose services",
    ),
    ("services/capture/adapters", "import faststream", "Running services reach Kafka through the chassis only"),
    ("shared/rules", "import services.capture", "Shared knows no service and no deployment"),
    ("shared/contracts", "import shared.messaging", "Inside shared: runtime, messaging, persistence"),
    ("shared/rules", "import redis", "Contracts and rules touch no server"),
    ("deploy/local", "import services.scoring", "The local stack knows services by name only"),
]


def lint(folder: Path) -> tuple[int, str]:
    """What lint-imports says of a checkout: its exit code and words."""
    command = [sys.executable, "-P", "-c", "from importlinter.cli import lint_imports_command as lint; lint()"]
    # The folder's own packages come before the installed checkout's.
    environ = {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"}
    done = subprocess.run(
        [*command, "--no-cache"], cwd=folder, env=environ, capture_output=True, text=True, timeout=100, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def with_violations(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What is said of a copy with every violation planted at once."""
    copy = tmp_path_factory.mktemp("checkout")
    for package in ("services", "shared", "deploy"):
        shutil.copytree(CHECKOUT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(CHECKOUT / ".importlinter", copy)
    for number, (folder, line, _) in enumerate(PLANTED):
        (copy / folder / f"planted_{number}.py").write_text(f"{line}\n")
    code, said = lint(copy)
    assert code == 1, said
    return said


def test_imports_go_in_one_direction() -> None:
    code, said = lint(CHECKOUT)
    assert code == 0, said


@pytest.mark.parametrize("number", range(len(PLANTED)))
def test_a_planted_violation_is_found(with_violations: str, number: int) -> None:
    folder, _, contract = PLANTED[number]
    module = f"{folder.replace('/', '.')}.planted_{number} "
    broken = with_violations.partition("Broken contracts")[2]
    part = broken[broken.index(contract) :]
    assert module in part
