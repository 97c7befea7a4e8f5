"""How commands reach the supervisor: JSON over HTTP on a loopback port, with a token that only the owner of the home can read."""

from __future__ import annotations

import hmac
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from deploy.local.errors import NotRunning, StackError
from deploy.local.home import Home, read_json, secrets_of
from deploy.local.lock import holder
from deploy.local.ports import LOOPBACK

Answer = Any
Command = Callable[[Mapping[str, Any]], Answer]
_ASK_SECONDS = 120.0
_LONGEST_BODY = 64 * 1024


class ControlServer:
    """Answers `POST /<command>` by calling the command; other commands wait their turn in their own threads."""

    def __init__(self, token: str, commands: Mapping[str, Command]) -> None:
        self._server = ThreadingHTTPServer((LOOPBACK, 0), _handler(token, commands))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name="control", daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(token: str, commands: Mapping[str, Command]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            if not hmac.compare_digest(self.headers.get("Authorization", ""), f"Bearer {token}"):
                self._answer(HTTPStatus.UNAUTHORIZED, {"error": "wrong token"})
                return
            command = commands.get(self.path.strip("/"))
            if command is None:
                self._answer(HTTPStatus.NOT_FOUND, {"error": "no such command"})
                return
            length = min(int(self.headers.get("Content-Length") or 0), _LONGEST_BODY)
            try:
                self._answer(HTTPStatus.OK, command(json.loads(self.rfile.read(length) or b"{}")))
            except (StackError, ValueError, KeyError, TypeError) as error:
                self._answer(HTTPStatus.BAD_REQUEST, {"error": str(error)})

        def _answer(self, status: HTTPStatus, value: Answer) -> None:
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: status is asked for often."""

    return Handler


def ask(home: Home, command: str, /, **arguments: object) -> Answer:
    """Send a command to the supervisor of `home`. Raises NotRunning without one, StackError with what it answered."""
    port = read_json(home.state_file).get("control_port") if holder(home) else None
    if not isinstance(port, int):
        raise NotRunning(home.root)
    request = urllib.request.Request(
        f"http://{LOOPBACK}:{port}/{command}",
        data=json.dumps(arguments).encode(),
        headers={
            "Authorization": f"Bearer {secrets_of(home)['control_token']}",
            "Content-Type": "application/json",
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=_ASK_SECONDS) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        raise StackError("supervisor", str(json.loads(error.read()).get("error", error.code))) from None
    except OSError:
        raise NotRunning(home.root) from None
