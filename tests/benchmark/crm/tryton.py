"""Tryton with its sales opportunities, served by gunicorn from an environment of its own, on a database of its own."""

import base64
import json
import os
import secrets
import signal
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from tests.benchmark.crm.http import Client, Unanswered
from tests.benchmark.environments import NotAvailable, interpreter
from tests.support.process import free_port
from tests.support.stack import Servers, create_database, drop_database
from tests.support.waiting import eventually

_WORKERS: Final = 4
_INSTALL_S: Final = 600
_USER: Final = "admin"
_DOLLAR: Final = {
    "name": "US Dollar",
    "code": "USD",
    "symbol": "$",
    "digits": 2,
    "rounding": {"__class__": "Decimal", "decimal": "0.01"},
    "rates": [
        [
            "create",
            [
                {
                    "rate": {"__class__": "Decimal", "decimal": "1.0"},
                    "date": {"__class__": "date", "year": 2020, "month": 1, "day": 1},
                }
            ],
        ]
    ],
}


@dataclass
class Tryton:
    """A server that can be killed and started again."""

    python: Path
    dsn: str = field(repr=False)
    folder: Path
    password: str = field(default_factory=lambda: secrets.token_urlsafe(16), repr=False)
    port: int = field(default_factory=free_port)
    context: dict[str, Any] = field(default_factory=dict)
    authorization: str = field(default="", repr=False)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def database(self) -> str:
        """The database's name, as it stands in addresses."""
        return urlsplit(self.dsn).path.lstrip("/")

    def install(self) -> None:
        """Its tables; takes a minute or so."""
        server = urlunsplit(urlsplit(self.dsn)._replace(path="/"))
        (self.folder / "trytond.conf").write_text(f"[database]\nuri = {server}\n")
        (self.folder / "password").write_text(self.password)
        command = [
            str(self.python.with_name("trytond-admin")), "-c", str(self.folder / "trytond.conf"), "-d", self.database,
            "-u", "sale_opportunity", "--activate-dependencies", "--email", "admin@example.com",
        ]  # fmt: skip
        env = {**os.environ, "TRYTONPASSFILE": str(self.folder / "password")}
        done = subprocess.run(command, env=env, capture_output=True, timeout=_INSTALL_S, check=False)
        if done.returncode:
            raise NotAvailable(f"trytond-admin ended with {done.returncode}: {done.stderr.decode()[-300:]}")

    def start(self) -> None:
        """Start the server, in a process group of its own."""
        env = {
            **os.environ,
            "TRYTOND_CONFIG": str(self.folder / "trytond.conf"),
            "TRYTOND_DATABASE_NAMES": self.database,
        }
        command = ["gunicorn", "-w", str(_WORKERS), "-b", f"127.0.0.1:{self.port}", "trytond.application:app"]
        with (self.folder / "tryton.log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(self.python.with_name(command[0])), *command[1:]],
                env=env, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def end(self, sent: signal.Signals = signal.SIGTERM) -> None:
        """End the server and its workers."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, sent)
            self.process.wait(30)

    async def ready(self) -> None:
        """Wait until it lets the user in."""
        await eventually(self._log_in, "Tryton answers", within=90, every=0.2)

    async def _log_in(self) -> bool:
        client = Client(f"http://127.0.0.1:{self.port}", {"Content-Type": "application/json"})
        try:
            user, key = self._call(client, "common.db.login", [_USER, {"password": self.password}])[:2]
        except Unanswered:
            return False
        finally:
            client.close()
        self.authorization = "Session " + base64.b64encode(f"{_USER}:{user}:{key}".encode()).decode()
        self.context["user"] = user
        return True

    def client(self) -> Client:
        """A client that is logged in."""
        headers = {"Content-Type": "application/json", "Authorization": self.authorization}
        return Client(f"http://127.0.0.1:{self.port}", headers)

    def call(self, client: Client, method: str, *params: Any) -> Any:
        """A model's method, with the company and employee that the leads belong to."""
        return self._call(client, f"model.{method}", [*params, self.context])

    def _call(self, client: Client, method: str, params: Sequence[Any]) -> Any:
        body = json.dumps({"id": 1, "method": method, "params": params}).encode()
        found = client.post(f"/{self.database}/rpc/", body)
        if "error" in found:
            raise ValueError(f"{method}: {str(found['error'])[:300]}")
        return found["result"]

    def set_up(self) -> None:
        """A currency, a company, an employee: what a sale needs."""
        client, user = self.client(), self.context.pop("user")
        currency = self.call(client, "currency.currency.create", [_DOLLAR])[0]
        us, person = self.call(client, "party.party.create", [{"name": "Us"}, {"name": "Employee"}])
        company = self.call(client, "company.company.create", [{"party": us, "currency": currency}])[0]
        employee = self.call(client, "company.employee.create", [{"party": person, "company": company}])[0]
        rights = {"companies": [["add", [company]]], "employees": [["add", [employee]]]}
        self.call(client, "res.user.write", [user], {**rights, "company": company, "employee": employee})
        client.close()
        self.context = {"company": company, "employee": employee}


@asynccontextmanager
async def running_tryton(servers: Servers, folder: Path) -> AsyncIterator[Tryton]:
    """A fresh Tryton. Raises NotAvailable where it cannot be installed."""
    python = interpreter("crm")
    dsn = await create_database(servers.postgres)
    tryton = Tryton(python, dsn, folder)
    try:
        tryton.install()
        tryton.start()
        await tryton.ready()
        tryton.set_up()
        tryton.end()  # its workers remember what the user may do; new ones ask
        tryton.start()
        await tryton.ready()
        del tryton.context["user"]
        yield tryton
    finally:
        tryton.end(signal.SIGKILL)
        await drop_database(servers.postgres, dsn)
