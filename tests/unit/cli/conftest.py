"""Services that commands ask."""

import threading
from collections.abc import Iterator

import pytest

from tests.support.answering import Services


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    server = Services()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    for name in ("SCORING", "ROUTING", "CONVERSION", "REPORTING"):
        monkeypatch.setenv(f"LEADSTREAM_{name}_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("LEADSTREAM_ADMIN_KEY", "ls_a_1")
    yield server
    server.shutdown()
    thread.join()
    server.server_close()
