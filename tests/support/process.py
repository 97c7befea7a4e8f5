"""A service as a process of a test's own: started, watched by its health, stopped, killed, frozen."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from tests.support import http
from tests.support.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    """A port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


STARTED: "list[ServiceProcess]" = []
"""The processes of the test that runs, and those that outlive it."""


class ServiceProcess:
    """`python -m <module>` with an environment; its log is shown when a test fails."""

    def __init__(self, module: str, env: Mapping[str, str], log: Path, *, replica: int = 0) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = log
        self.module = module
        self._env = {
            **os.environ,
            **env,
            "LEADSTREAM_HTTP_PORT": str(self.port),
            "LEADSTREAM_REPLICA": str(replica),
            "PYTHONUNBUFFERED": "1",
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._client = http.client(self.url, timeout=2)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, **env: str) -> Self:
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", self.module], cwd=ROOT, env={**self._env, **env}, stdout=out, stderr=out
            )
        if self not in STARTED:
            STARTED.append(self)
        return self

    async def ready(self, within: float = 40) -> Self:
        await eventually(
            self._is_ready, f"{self.module} is ready; its log is {self.log}:\n{self.tail()}", within=within
        )
        return self

    async def health(self) -> dict[str, Any] | None:
        """The body of /health/ready, or None while nobody answers."""
        try:
            return (await self._client.get("/health/ready")).json()  # type: ignore[no-any-return]
        except (httpx.HTTPError, ValueError):
            return None

    async def _is_ready(self) -> bool:
        assert self.running, f"{self.module} has ended:\n{self.tail()}"
        health = await self.health()
        return health is not None and bool(health["ready"])

    async def metric(self, name: str) -> float:
        """The sum of a metric over its labels; 0 where nobody answers or it was never counted."""
        try:
            text = (await self._client.get("/metrics")).text
        except httpx.HTTPError:
            return 0.0
        return sum(float(value) for value in re.findall(rf"^{name}(?:{{[^}}]*}})? ([0-9.e+]+)$", text, re.MULTILINE))

    def frozen(self) -> bool:
        """Whether the process is stopped by a signal."""
        try:
            return Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T"
        except FileNotFoundError:
            return False

    def send(self, sent: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(sent)

    def kill(self) -> None:
        if self._process is not None and self.running:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait()

    def stop(self, within: float = 20) -> int:
        """SIGTERM, and the exit code."""
        assert self._process is not None
        if self.running:
            self._process.terminate()
            try:
                self._process.wait(within)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
        return self._process.returncode

    def tail(self, lines: int = 30) -> str:
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return "(no log yet)"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        await self._client.aclose()
