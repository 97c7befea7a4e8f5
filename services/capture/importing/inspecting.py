"""One pass over a file before its first row is read: its digest and its encoding. Memory stays flat."""

import codecs
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from services.capture.importing.refusal import FileRefused

_CHUNK: Final = 1 << 20
# Every byte of these encodings is a character, so that only plausibility can tell them from others: in the languages
# of Western Europe most letters are ASCII.
_MOST_FOREIGN_LETTERS: Final = 0.3
_UNDEFINED_1252: Final = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
_UTF8_SEQUENCE: Final = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_HIGH: Final = re.compile(rb"[\x80-\xff]")
_LETTER: Final = re.compile(rb"[A-Za-z\x80-\xff]")


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What must be known before the first row: SHA-256 of the bytes (hex), the encoding as Python names it, bytes."""

    digest: str
    encoding: str
    size: int


@dataclass(slots=True)
class _Counts:
    high: int = 0
    letters: int = 0
    sequences: int = 0
    undefined: int = 0
    nul: bool = False
    utf8: bool = True


def inspect_file(path: Path, *, encoding: str | None = None) -> FileFacts:
    """The file's facts; a given `encoding` is believed if the file can be read in it. Raises FileRefused."""
    digest, counts, size, head = hashlib.sha256(), _Counts(), 0, b""
    decode = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            head = head or chunk[:4]
            size += len(chunk)
            digest.update(chunk)
            _count(chunk, counts, decode)
    _decode(decode, b"", counts, final=True)
    if size == 0:
        raise FileRefused("the file is empty")
    found = encoding or _encoding(head, counts)
    if found not in ("utf-8-sig", "cp1252"):
        _check_readable(path, found)
    return FileFacts(digest.hexdigest(), found, size)


def _count(chunk: bytes, counts: _Counts, decode: codecs.IncrementalDecoder) -> None:
    if b"\0" in chunk:
        counts.nul = True
    _decode(decode, chunk, counts)
    if not chunk.isascii():
        counts.high += len(_HIGH.findall(chunk))
        counts.sequences += len(_UTF8_SEQUENCE.findall(chunk))
        counts.undefined += len(_UNDEFINED_1252.findall(chunk))
    if counts.high:
        counts.letters += len(_LETTER.findall(chunk))


def _decode(decode: codecs.IncrementalDecoder, chunk: bytes, counts: _Counts, *, final: bool = False) -> None:
    if counts.utf8:
        try:
            decode.decode(chunk, final)
        except UnicodeDecodeError:
            counts.utf8 = False


def _encoding(head: bytes, counts: _Counts) -> str:
    if head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    if counts.nul:
        raise FileRefused("the file holds NUL bytes: it is no text, or UTF-16 without its mark; name it by --encoding")
    if counts.utf8:
        return "utf-8-sig"
    if counts.sequences:
        raise FileRefused("the file mixes UTF-8 with another encoding; save it anew, or name one by --encoding")
    if counts.undefined or counts.high > _MOST_FOREIGN_LETTERS * counts.letters:
        raise FileRefused("the file's encoding cannot be told; save it as UTF-8, or name it by --encoding")
    return "cp1252"


def _check_readable(path: Path, encoding: str) -> None:
    """Read it once in that encoding, so that nothing is found unreadable after the first row."""
    try:
        with path.open(encoding=encoding, newline="") as stream:
            while text := stream.read(_CHUNK):
                if "\0" in text:
                    raise FileRefused(f"the file holds NUL characters when read as {encoding}")
    except LookupError:
        raise FileRefused(f"there is no encoding {encoding}") from None
    except UnicodeError:
        raise FileRefused(f"the file cannot be read as {encoding}") from None
