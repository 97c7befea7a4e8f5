"""The APIs of providers as they were recorded, served over HTTP: leads by id, and by time in pages."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

TOKEN = "the-access-token"


def graph_lead(lead_id: str, email: str, at: str = "2026-02-28T08:49:14+0000") -> dict[str, Any]:
    """A lead as Meta's Graph API gives it."""
    data = [{"name": "email", "values": [email]}, {"name": "full_name", "values": ["Joe Example"]}]
    return {"id": lead_id, "created_time": at, "ad_id": "9", "form_id": "7", "field_data": data}


def linkedin_response(lead_id: str, email: str, **more: Any) -> dict[str, Any]:
    """A response as LinkedIn's Lead Sync API gives it."""
    answer = {"questionId": 1, "answerDetails": {"textQuestionAnswer": {"answer": email}}}
    form = "urn:li:versionedLeadGenForm:(urn:li:leadGenForm:55,1)"
    response = {"id": lead_id, "submittedAt": 1_772_000_000_000, "versionedLeadGenFormUrn": form}
    return {**response, "formResponse": {"answers": [answer]}, **more}


LINKEDIN_FORM = {"id": 55, "content": {"questions": [{"questionId": 1, "predefinedField": "EMAIL_ADDRESS"}]}}


class ProviderApi:
    """Answers by path. `answers` holds what is given for a path: an object, or (status, bytes, headers); of several the
    last one stays."""

    def __init__(self) -> None:
        self.url = ""
        self.answers: dict[str, list[Any]] = {}
        self.pages: dict[str, list[list[dict[str, Any]]]] = {}
        self.asked: Counter[str] = Counter()
        self.tokens: set[str] = set()

    def answer(self, path: str, query: dict[str, list[str]]) -> tuple[int, bytes, dict[str, str]]:
        """The answer to a request."""
        self.asked[path] += 1
        if path in self.pages:
            return self._page(path, int(query.get("after", ["0"])[0]))
        waiting = self.answers.get(path, [(404, b"{}", {})])
        given = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        return given if isinstance(given, tuple) else (200, orjson.dumps(given), {})

    def _page(self, path: str, number: int) -> tuple[int, bytes, dict[str, str]]:
        pages = self.pages[path]
        page: dict[str, Any] = {"data": pages[number], "paging": {"cursors": {"after": str(number + 1)}}}
        if number + 1 < len(pages):
            page["paging"]["next"] = "https://evil.example/next"  # nobody follows it
        return 200, orjson.dumps(page), {}


@contextmanager
def serving(api: ProviderApi) -> Iterator[ProviderApi]:
    """The API on a port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            api.tokens.add(self.headers.get("Authorization", ""))
            status, body, headers = api.answer(parts.path, parse_qs(parts.query))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    api.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
