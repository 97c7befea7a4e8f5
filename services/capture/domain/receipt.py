"""Receipt ids: the event's id and a MAC, so that an id can be believed before there is a row for it."""

from functools import lru_cache
from hashlib import blake2b
from hmac import compare_digest
from typing import Final
from uuid import UUID

from shared.contracts import ids

_ID_LENGTH: Final = 32
_MAC_LENGTH: Final = 16


def receipt_of(event_id: str, *, secret: bytes) -> str:
    """The receipt of an event: 48 hexadecimal characters. Who knows (source, event id) or (source, Idempotency-Key)
    can have it derived again."""
    bare = event_id.replace("-", "")
    return bare + _mac(bare, secret)


def event_of(receipt_id: str, *, secret: bytes) -> str | None:
    """The id that a receipt was issued for (a UUID), or None when we never issued it."""
    bare, mac = receipt_id[:_ID_LENGTH], receipt_id[_ID_LENGTH:]
    if len(mac) != _MAC_LENGTH or not receipt_id.isascii() or not compare_digest(mac, _mac(bare, secret)):
        return None
    return str(UUID(bare))


def repeat_id(topic_id: str, partition: int, offset: int) -> str:
    """The id of a receipt for a record that repeats an event id: the first record has the event's."""
    return ids.derive(ids.RECEIPTS, topic_id, str(partition), str(offset))


def _mac(bare: str, secret: bytes) -> str:
    """Keyed BLAKE2, which is a MAC by itself and a third of the cost of HMAC."""
    mac = _keyed(secret).copy()
    mac.update(bare.encode())
    return mac.hexdigest()


@lru_cache(maxsize=4)
def _keyed(secret: bytes) -> blake2b:
    return blake2b(key=blake2b(secret).digest(), person=b"receipt", digest_size=_MAC_LENGTH // 2)
