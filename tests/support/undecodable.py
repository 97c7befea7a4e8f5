"""JSON that no decoder takes, put where nobody decodes it on its way: a foreign producer's, for ours decode first."""

from typing import Final

import orjson

UNDECODABLE: Final = {
    "infinite": b"1e999",
    "infinite, negative, in a list": b"[1, -2.5E+400]",
    "infinite by its digits": b"9" * 310,
    "too many lists": b"[" * 201 + b"]" * 201,
    "too many objects": b'{"a":' * 201 + b"1" + b"}" * 201,
}
HERE: Final = "put it here"


def holding(data: object, part: bytes) -> bytes:
    """The JSON of `data`, this part in the place of each `HERE`."""
    return orjson.dumps(data).replace(orjson.dumps(HERE), part)
