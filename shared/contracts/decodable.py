"""Whether JSON that is passed on unread can be decoded by whoever reads it later.

A part that nobody decodes on its way may hold what a decoder refuses although it is JSON: a number beyond the range of
a double, or more levels than decoders go down. It must not get past the first service that takes the record.
"""

from typing import Final

import orjson
from pydantic_core import from_json

# pydantic goes down so many levels; orjson goes further, but takes no number that is infinite as a double.
MOST_LEVELS: Final = 200

# Of a text is left what opens a level, and each number with an exponent as an e by itself between two commas; what else
# there is, words with an e among it, becomes x.
_LEFT_OUT: Final = b"0123456789.+- \t\n\r"
_SHAPE: Final = bytes(
    {0x65: 0x65, 0x45: 0x65, **dict.fromkeys(b":,]}", 0x2C), **dict.fromkeys(b"[{", 0x5B)}.get(byte, 0x78)
    for byte in range(256)
)
# The largest double has 309 digits before its point: in such a run every 38th byte is a digit, eight times in a row.
_STEP: Final = 38
_DIGITS: Final = bytes.maketrans(b"123456789", b"000000000")
_RUN: Final = b"0" * 8


def is_decodable(text: bytes) -> bool:
    """False for JSON that a decoder refuses, and perhaps for what is no JSON at all. Nearly all is only glanced at."""
    shape = text.translate(_SHAPE, _LEFT_OUT)
    has_exponent = b",e," in shape or b"[e," in shape
    may_be_long = _RUN in text[::_STEP].translate(_DIGITS)
    if shape.count(b"[") <= MOST_LEVELS and not has_exponent and not may_be_long:
        return True
    return _is_decoded(text)


def _is_decoded(text: bytes) -> bool:
    try:
        from_json(text)
        orjson.loads(text)
    except ValueError:
        return False
    return True
