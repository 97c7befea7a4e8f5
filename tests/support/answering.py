"""A service that answers what a test told it to, for commands on a terminal that ask one."""

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any


class Services(HTTPServer):
    """Answers what it was told to, and remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.answers: dict[tuple[str, str], tuple[int, Any]] = {}
        self.asked: list[tuple[str, str, Any]] = []


class _Answering(BaseHTTPRequestHandler):
    server: Services

    def _answer(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        self.server.asked.append((self.command, self.path, body))
        status, answer = self.server.answers.get(
            (self.command, self.path), (404, {"code": "not_found", "detail": "no"})
        )
        said = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_GET = do_POST = _answer  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Nothing is written down."""
