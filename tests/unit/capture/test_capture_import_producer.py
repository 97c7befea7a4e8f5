"""The importer's producer, where there is no Kafka behind the address."""

import asyncio

import pytest

from services.capture.importing import publishing
from services.capture.settings import CaptureSettings


async def test_a_server_that_never_answers_is_given_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "_CONNECT_S", 0.3)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = CaptureSettings.model_validate(
        {"secret": "a secret of the tests", "kafka_bootstrap": f"127.0.0.1:{port}"}
    )
    async with server:
        async with asyncio.timeout(20):
            with pytest.raises(TimeoutError):
                async with publishing.bulk_producer(settings):
                    raise AssertionError("there is nobody")
