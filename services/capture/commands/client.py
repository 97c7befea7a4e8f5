"""Capture's HTTP API as the command line uses it."""

import os
import time
from types import TracebackType
from typing import Any, Final

import httpx
import typer

from services.capture.commands.ending import FOUND_WRONG, MISUSED, NOT_THERE, end, needed
from shared.contracts import ids

_TIMEOUT_S: Final = 30.0
_SHORT_S: Final = 5.0
_GIVE_UP_S: Final = 60.0
_POLL_S: Final = 0.2
_TRY_AGAIN: Final = (429, 503)
_MATCHED_AT_ONCE: Final = 200


class CaptureClient:
    """Calls that end the command where there is no answer. Sending is safe to repeat: it carries a key of its own."""

    def __init__(self, *, admin: bool = False) -> None:
        url = needed("LEADSTREAM_CAPTURE_URL")
        key = (not admin and os.environ.get("LEADSTREAM_SOURCE_KEY")) or needed("LEADSTREAM_ADMIN_KEY")
        self._client = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=_TIMEOUT_S)

    def __enter__(self) -> "CaptureClient":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def send_lines(self, lines: list[bytes], source: str | None, path: str = "/v1/leads/batch") -> dict[str, Any]:
        """Send a batch, again where Kafka cannot take it yet or this key has sent too much."""
        headers = {"Content-Type": "application/x-ndjson"}
        parameters = {"source": source} if source else {}
        return self._send(path, headers, content=b"\n".join(lines), params=parameters)

    def submit(self, lead: dict[str, Any]) -> dict[str, Any]:
        """Send one lead; the answer has its receipt."""
        return self._send("/v1/leads", {}, json=lead)

    def send_mail(self, mail: bytes, source: str | None) -> dict[str, Any]:
        """Send a mail as it came; the answer has its receipt."""
        parameters = {"source": source} if source else {}
        return self._send("/v1/mails", {"Content-Type": "message/rfc822"}, content=mail, params=parameters)

    def _send(self, path: str, headers: dict[str, str], **parts: Any) -> dict[str, Any]:
        key = {"Idempotency-Key": ids.new_id()}
        deadline = time.monotonic() + _GIVE_UP_S
        while True:
            response = self._request("POST", path, headers={**headers, **key}, **parts)
            if response.status_code not in _TRY_AGAIN or time.monotonic() > deadline:
                return self._body(response)
            time.sleep(float(response.headers.get("retry-after", "2")))

    def read(self, path: str, parameters: dict[str, str | None] | None = None) -> dict[str, Any]:
        """What stands at a path."""
        given = {name: value for name, value in (parameters or {}).items() if value is not None}
        return self._body(self._request("GET", path, params=given))

    def order(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """What became of a command, or that it is on its way. Ends where it was refused."""
        response = self._request(method, path, json=body)
        if response.status_code == httpx.codes.CONFLICT:
            refused = response.json()
            end(FOUND_WRONG, f"{refused['reason']}: {refused['result'].get('detail', '')}")
        return self._body(response)

    def receipt(self, receipt_id: str) -> dict[str, Any]:
        """What became of a submission."""
        return self._body(self._request("GET", f"/v1/receipts/{receipt_id}"))

    @staticmethod
    def matches(source: str, leads: list[dict[str, Any]]) -> tuple[list[dict[str, Any]] | None, str]:
        """What each lead would become, or None and why that cannot be known now. Never ends the command."""
        url, key = os.environ.get("LEADSTREAM_CAPTURE_URL"), os.environ.get("LEADSTREAM_ADMIN_KEY")
        if not url or not key:
            return None, "LEADSTREAM_CAPTURE_URL and LEADSTREAM_ADMIN_KEY are not set"
        answers: list[dict[str, Any]] = []
        try:
            with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=_TIMEOUT_S) as client:
                for first in range(0, len(leads), _MATCHED_AT_ONCE):
                    body = {"source": source, "leads": leads[first : first + _MATCHED_AT_ONCE]}
                    response = client.post("/v1/leads/match", json=body)
                    if not response.is_success:
                        return None, f"capture answers {response.status_code}"
                    found = response.json()["leads"]
                    answers += [{**one, "like": one["like"] + first} if "like" in one else one for one in found]
        except (httpx.TransportError, ValueError, KeyError) as error:
            return None, f"capture does not answer ({type(error).__name__})"
        return answers, ""

    @staticmethod
    def live_rules(kind: str) -> tuple[dict[str, Any] | None, str]:
        """The live version of a kind of rules, or None and why it cannot be known now. Never ends the command."""
        url, key = os.environ.get("LEADSTREAM_CAPTURE_URL"), os.environ.get("LEADSTREAM_ADMIN_KEY")
        if not url or not key:
            return None, "LEADSTREAM_CAPTURE_URL and LEADSTREAM_ADMIN_KEY are not set"
        try:
            response = httpx.get(
                f"{url.rstrip('/')}/v1/rules/{kind}/versions/live",
                headers={"Authorization": f"Bearer {key}"},
                timeout=_SHORT_S,
            )
            return (response.json(), "") if response.is_success else (None, f"capture answers {response.status_code}")
        except (httpx.TransportError, ValueError) as error:
            return None, f"capture does not answer ({type(error).__name__})"

    def get(self, path: str, **params: Any) -> dict[str, Any]:
        """The JSON of a GET; parameters that are None are left out."""
        given = {name: value for name, value in params.items() if value is not None}
        return self._body(self._request("GET", path, params=given))

    def command(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Give a command and wait for what becomes of it: done, refused, or still pending after a while."""
        response = self._request("POST", path, json=body, headers={"Idempotency-Key": ids.new_id()})
        if response.status_code == httpx.codes.CONFLICT:
            return dict(response.json())
        answer = self._body(response)
        deadline = time.monotonic() + _TIMEOUT_S
        while answer["status"] == "pending" and time.monotonic() < deadline:
            time.sleep(_POLL_S)
            answer = self.get(f"/v1/commands/{answer['command_id']}")
        return answer

    def change(self, path: str, wanted: dict[str, Any]) -> dict[str, Any]:
        """What became of a command; one that was refused ends the command with its reason."""
        answered = self.command(path, wanted)
        if answered["status"] == "refused":
            end(FOUND_WRONG, f"{answered['reason']}: {answered.get('result', {}).get('detail', '')}")
        return answered

    def _request(self, method: str, path: str, **parts: Any) -> httpx.Response:
        try:
            return self._client.request(method, path, **parts)
        except httpx.TransportError as error:
            end(NOT_THERE, f"capture does not answer at {self._client.base_url} ({type(error).__name__}): `make up`")

    def _body(self, response: httpx.Response) -> dict[str, Any]:
        if response.is_success:
            body: dict[str, Any] = response.json()
            return body
        try:
            problem = response.json()
            said = f"{problem['code']}: {problem['detail']}"
        except (ValueError, KeyError):
            said = f"HTTP {response.status_code}"
        typer.echo(said, err=True)
        code = (
            MISUSED if response.status_code in (401, 403) else NOT_THERE if response.status_code == 503 else FOUND_WRONG
        )
        raise typer.Exit(code)
