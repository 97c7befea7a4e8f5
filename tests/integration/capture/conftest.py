"""Capture as a process on real servers."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.support.capture import create_schema, running_capture
from tests.support.stack import Servers


@pytest.fixture
async def capture(own: Servers, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a running capture, with the key of a source. The limits are small, so that tests reach them."""
    await create_schema(own.postgres)
    async with running_capture(
        own, tmp_path, LEADSTREAM_BODY_TIMEOUT_S="1", LEADSTREAM_BATCH_LIMIT_LINES="2000"
    ) as client:
        yield client
