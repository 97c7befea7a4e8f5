"""The quick look at array elements gives what asyncpg's own gives."""

from collections.abc import Iterable, Mapping, Sized
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import asyncpg
import pytest
from asyncpg.protocol import protocol

from shared.persistence.arrays import encode_lists_quickly
from tests.support.stack import Servers

pytestmark = pytest.mark.stack

CASES: list[tuple[str, Any]] = [
    ("text[]", ["a", None, "", "[1,2]", "é\U0001f600"]),
    ("uuid[]", ["6ba7b811-9dad-11d1-80b4-00c04fd430c8", None]),
    ("int[]", [1, -2, None]),
    ("bigint[]", (2**62, 0)),
    ("numeric[]", [Decimal("1.50"), None]),
    ("timestamptz[]", [datetime(2026, 1, 5, tzinfo=UTC), None]),
    ("bytea[]", [b"", b"\x00\xff", None]),
    ("bool[]", [True, False, None]),
    ("text[]", []),
    ("text[]", [["a", "b"], ["c", None]]),
]


async def answers(connection: Any) -> list[Any]:
    return [await connection.fetchval(f"SELECT $1::{kind}", value) for kind, value in CASES]


async def test_lists_are_encoded_as_asyncpg_encodes_them(servers: Servers) -> None:
    connection = await asyncpg.connect(servers.postgres)
    try:
        encode_lists_quickly()
        quick = await answers(connection)
        vars(protocol).update(IterableABC=Iterable, SizedABC=Sized)
        assert vars(protocol)["MappingABC"] is Mapping
        assert await answers(connection) == quick
    finally:
        encode_lists_quickly()
        await connection.close()


async def test_what_is_no_array_is_still_refused(servers: Servers) -> None:
    connection = await asyncpg.connect(servers.postgres)
    encode_lists_quickly()
    try:
        with pytest.raises(asyncpg.DataError):
            await connection.fetchval("SELECT $1::text[]", "abc")
        with pytest.raises(asyncpg.DataError):
            await connection.fetchval("SELECT $1::text[]", [{"a": 1}])
    finally:
        await connection.close()
