"""Consumer groups as their coordinator sees them."""

from typing import Any

from aiokafka.admin import AIOKafkaAdminClient

from tests.support.stack import Servers


async def members_of(servers: Servers, group: str) -> int:
    """How many members a group has, while it is stable; -1 while it is not. `group` as the register names it."""
    admin: Any = AIOKafkaAdminClient(bootstrap_servers=servers.kafka)
    await admin.start()
    try:
        [response] = await admin.describe_consumer_groups([servers.names.group(group)])
        _error, _name, state, _type, _protocol, members, *_rest = response.groups[0]
        return len(members) if state == "Stable" else -1
    finally:
        await admin.close()
