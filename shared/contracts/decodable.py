"""Whether JSON that is passed on unread can be decoded by whoever reads it later.

A part that nobody decodes on its way may hold what a decoder refuses although it is JSON: a number beyond the range of
a double, or more levels than decoders go down. It must not get past the first service that takes the record.
"""

import re
from typing import Final

import orjson
from pydantic_core import from_json

# pydantic goes down so many levels; orjson goes further, but takes no number that is infinite as a double.
MOST_LEVELS: Final = 200

# Of a text is kept what opens a level, and what tells a number with an exponent from an e in a string, in true or in false.
_KEPT: Final = b'eEus:,[]{}"'
_LEFT_OUT: Final = bytes(byte for byte in range(256) if byte not in _KEPT)
_SHAPE: Final = bytes.maketrans(b"E:]}{", b"e,,,[")
_exponent: Final = re.compile(
    rb"e,(?<=[,\[]e,)"
).search  # begins with what is written as it is: found several times faster
# The largest double has 309 digits before its point: in such a run every 38th byte is a digit, eight times in a row.
_STEP: Final = 38
_DIGITS: Final = bytes.maketrans(b"123456789", b"000000000")
_RUN: Final = b"0" * 8


def is_decodable(text: bytes) -> bool:
    """False for JSON that a decoder refuses, and perhaps for what is no JSON at all. Nearly all is only glanced at."""
    shape = text.translate(_SHAPE, _LEFT_OUT)
    may_be_long = _RUN in text[::_STEP].translate(_DIGITS)
    if shape.count(b"[") <= MOST_LEVELS and _exponent(shape) is None and not may_be_long:
        return True
    return _is_decoded(text)


def _is_decoded(text: bytes) -> bool:
    try:
        from_json(text)
        orjson.loads(text)
    except ValueError:
        return False
    return True
