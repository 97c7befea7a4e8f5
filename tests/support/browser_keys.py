"""Public keys for pages, as reporting grants them."""

import httpx
from aiokafka import AIOKafkaProducer

from shared.contracts.events.platform import AccessGranted
from shared.contracts.topics import ACCESS_GRANTED
from shared.runtime.access import new_key, secret_hash
from tests.support.capture import until
from tests.support.stack import Servers


async def browser_key(own: Servers, client: httpx.AsyncClient, origin: str, source: str = "shop") -> str:
    """A public key for pages of an origin, once capture knows it."""
    key_id, key = new_key()
    granted = AccessGranted(
        key_id=key_id, secret_hash=secret_hash(key), role="browser", source=source, origins=[origin],
        granted_at="2026-01-05T10:00:00Z",
    )  # fmt: skip
    producer = AIOKafkaProducer(bootstrap_servers=own.kafka)
    await producer.start()
    try:
        await producer.send_and_wait(
            own.names.topic(ACCESS_GRANTED), granted.model_dump_json().encode(), key_id.encode()
        )
    finally:
        await producer.stop()

    async def is_known() -> bool:
        answer = await client.options(f"/v1/events?key={key}", headers={"origin": origin})
        return answer.status_code == 204

    await until(is_known, "capture knows the key")
    return key
