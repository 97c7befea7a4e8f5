"""A client that costs little: one kept connection a thread, and as many threads as there are connections."""

import asyncio
import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

CONNECTIONS: Final = 24
_TIMEOUT_S: Final = 120.0
_RETRY_S: Final = 0.1
Item = TypeVar("Item")


class Unanswered(Exception):
    """The connection broke, or the server could not take the request now: whether it did anything is not known."""


@dataclass(slots=True)
class Client:
    """Posts JSON over one connection, opened anew where it broke."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    _connection: http.client.HTTPConnection | None = None

    def post(self, path: str, body: bytes, **headers: str) -> Any:
        """The answer's JSON. Raises Unanswered, and ValueError for a request that was refused."""
        try:
            connection = self._open()
            connection.request("POST", path, body, {**self.headers, **headers})
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Unanswered from error
        if answer.status >= 500 or answer.status == 429:
            raise Unanswered
        if answer.status >= 300:
            raise ValueError(f"refused with {answer.status}")
        return json.loads(text)

    def _open(self) -> http.client.HTTPConnection:
        if self._connection is None:
            place = urlsplit(self.url)
            self._connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=_TIMEOUT_S)
        return self._connection

    def close(self) -> None:
        """Forget the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def until_answered(attempt: Callable[[], Item], within_s: float = _TIMEOUT_S) -> Item:
    """Try again until there is an answer, as a careful client does."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            return attempt()
        except Unanswered:
            if time.monotonic() > deadline:
                raise
        time.sleep(_RETRY_S)


async def shared_out(
    items: Sequence[Item],
    create: Callable[[], Client],
    work: Callable[[Client, Item], None],
    *,
    clients: int = CONNECTIONS,
    pause_s: float = 0.0,
) -> None:
    """Do `work` for every item, with as many clients at once as there are connections; each pauses after an item."""
    waiting, lock = iter(items), threading.Lock()

    def take() -> Iterator[Item]:
        while True:
            with lock:
                item = next(waiting, None)
            if item is None:
                return
            yield item

    def run() -> None:
        client = create()
        try:
            for item in take():
                work(client, item)
                time.sleep(pause_s)
        finally:
            client.close()

    with ThreadPoolExecutor(clients) as threads:
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(loop.run_in_executor(threads, run) for _ in range(clients)))
