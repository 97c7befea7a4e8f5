"""Where one local stack keeps its things: `<root>/.leadstream/`. Two homes are two independent stacks."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.local.errors import StackError

CHECKOUT = Path(__file__).resolve().parents[2]
HOME_VARIABLE = "LEADSTREAM_HOME"
_OTHER_HOME = f"set {HOME_VARIABLE} to a folder of your own"
_SECRET_NAMES = (
    "postgres_password",
    "redis_password",
    "control_token",
    "source_key",
    "admin_key",
    "secret",
)


@dataclass(frozen=True)
class Home:
    """The folder of one stack. Nothing is created before `prepare`."""

    root: Path

    @property
    def data(self) -> Path:
        return self.root / ".leadstream"

    @property
    def logs(self) -> Path:
        return self.data / "logs"

    @property
    def env_file(self) -> Path:
        return self.data / "env"

    @property
    def lock_file(self) -> Path:
        return self.data / "lock"

    @property
    def ports_file(self) -> Path:
        return self.data / "ports.json"

    @property
    def state_file(self) -> Path:
        return self.data / "stack.json"

    @property
    def children_file(self) -> Path:
        return self.data / "children.json"

    @property
    def given_file(self) -> Path:
        return self.data / "given.json"

    @property
    def secrets_file(self) -> Path:
        return self.data / "secrets.json"

    @property
    def digest(self) -> str:
        """Twelve characters that tell this home from others, for names outside it."""
        return hashlib.sha256(str(self.root.resolve()).encode()).hexdigest()[:12]

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def prepare(self) -> None:
        """Create the folders. Others may pass through them (the database's account must), but read nothing.

        Raises StackError when the home cannot be written or is another user's: two users in turn would lock each other out.
        """
        try:
            self.logs.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StackError("stack", f"cannot write {self.data} ({error.strerror})", advice=_OTHER_HOME) from None
        if self.data.stat().st_uid != os.geteuid():
            raise StackError(
                "stack", f"{self.data} belongs to another user", advice=f"run as that user, or {_OTHER_HOME}"
            )
        self.data.chmod(0o711)
        self.logs.chmod(0o700)
        ignore = self.data / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")


def home_from(environ: Mapping[str, str], root: Path | None = None) -> Home:
    """The given root, else `LEADSTREAM_HOME`, else this checkout."""
    if root is not None:
        return Home(root.resolve())
    named = environ.get(HOME_VARIABLE)
    return Home(Path(named).resolve() if named else CHECKOUT)


def write_atomically(path: Path, text: str, *, mode: int = 0o600) -> None:
    """Replace `path` by `text` in one step; readers see the old or the new file, never half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w") as stream:
            os.fchmod(stream.fileno(), mode)
            stream.write(text)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def write_json(path: Path, value: object) -> None:
    write_atomically(path, json.dumps(value, indent=1) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in `path`; empty when it is missing or damaged (everything kept so can be made anew)."""
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def secrets_of(home: Home) -> dict[str, str]:
    """This home's passwords and keys, random, made once, readable by the owner alone."""
    known = {name: value for name, value in read_json(home.secrets_file).items() if isinstance(value, str)}
    missing = [name for name in _SECRET_NAMES if name not in known]
    if missing:
        known |= {name: secrets.token_urlsafe(24) for name in missing}
        write_json(home.secrets_file, known)
    return known
