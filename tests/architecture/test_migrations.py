"""Migrations of a service are one line: two that were made at the same time are put one behind the other."""

from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

CHECKOUT = Path(__file__).parents[2]
FOLDERS = sorted((CHECKOUT / "services").glob("*/migrations"))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_each_follows_one_other(folder: Path) -> None:
    scripts = ScriptDirectory(str(folder))
    assert len(scripts.get_heads()) == 1
    files = [path.name for path in (folder / "versions").glob("*.py") if path.name != "__init__.py"]
    assert sorted(name[:4] for name in files) == sorted(script.revision for script in scripts.walk_revisions())
