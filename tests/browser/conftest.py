"""A capture, a shop whose pages carry the snippet, and a browser to visit it with."""

import asyncio
import json
import os
import shutil
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from tests.benchmark.environments import NotAvailable, interpreter, is_made
from tests.support.browser_keys import browser_key
from tests.support.capture import create_schema, running_capture
from tests.support.stack import Servers

LOCKS: Final = Path(__file__).parent
DRIVER: Final = LOCKS / "driving.py"
BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
# A person's browser: without a name of its own a headless one says what it is, and counts as a machine.
AGENT: Final = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
_PATIENCE_S: Final = 180


class _Pages(BaseHTTPRequestHandler):
    """Serves the shop's pages as they are now."""

    pages: dict[str, str]

    def do_GET(self) -> None:
        """A page by its path, without the query."""
        text = self.pages.get(self.path.partition("?")[0])
        self.send_response(200 if text is not None else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write((text or "").encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@dataclass(frozen=True, slots=True)
class Shop:
    """A site with pages; `origin` is where it stands."""

    origin: str
    pages: dict[str, str]


@dataclass(frozen=True, slots=True)
class Browser:
    """Drives the machine's own Chromium."""

    executable: str
    python: Path

    async def visit(self, *steps: list[Any]) -> dict[str, Any]:
        """What a visit gave at each step, what was sent, and what went wrong on the page."""
        wanted = json.dumps({"executable": self.executable, "agent": AGENT, "steps": list(steps)})
        done = await asyncio.to_thread(
            subprocess.run, [str(self.python), str(DRIVER)], input=wanted, capture_output=True, text=True,
            timeout=_PATIENCE_S, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-4000:]
        seen: dict[str, Any] = json.loads(done.stdout)
        return seen


@pytest.fixture(scope="session")
def browser() -> Browser:
    """Skips, with the reason, where there is no browser or nothing to drive it by."""
    executable = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if executable is None:
        pytest.skip(f"there is no Chromium here ({', '.join(BROWSERS)})")
    if os.environ.get("LEADSTREAM_BROWSER") != "make" and not is_made("browser", LOCKS):
        pytest.skip("`make browser` has not been run here: it fetches what drives the browser")
    try:
        return Browser(executable, interpreter("browser", LOCKS))
    except NotAvailable as error:
        pytest.skip(f"what drives the browser cannot be had: {error}")


@pytest.fixture
def shop(browser: Browser) -> Iterator[Shop]:
    """An empty site. Needs a browser: without one no server is started."""
    handler = type("Pages", (_Pages,), {"pages": {}})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Shop(f"http://127.0.0.1:{server.server_address[1]}", handler.pages)  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
async def capture(browser: Browser, own: Servers, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Capture as a process."""
    await create_schema(own.postgres)
    async with running_capture(own, tmp_path) as client:
        yield client


@pytest.fixture
async def key(own: Servers, capture: httpx.AsyncClient, shop: Shop) -> str:
    """The public key of the shop's pages."""
    return await browser_key(own, capture, shop.origin)
