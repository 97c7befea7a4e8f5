"""One pass over a file before its first row is read: its digest, its kind and its encoding. Memory stays flat."""

import codecs
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from services.capture.importing.archive import archive_kind
from services.capture.importing.refusal import FileRefused

Kind: TypeAlias = Literal["csv", "xlsx", "xls", "ods", "vcard"]

_CHUNK: Final = 1 << 20
_ZIP: Final = b"PK\x03\x04"
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_CARD: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*BEGIN:VCARD\s", re.IGNORECASE)
# Every byte of these encodings is a character, so that only plausibility can tell them from others: in the languages
# of Western Europe most letters are ASCII.
_MOST_FOREIGN_LETTERS: Final = 0.3
_UNDEFINED_1252: Final = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
_UTF8_SEQUENCE: Final = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_HIGH: Final = re.compile(rb"[\x80-\xff]")
_LETTER: Final = re.compile(rb"[A-Za-z\x80-\xff]")


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What must be known before the first row: SHA-256 of the bytes (hex), the encoding as Python names it (blank for
    workbooks), bytes, and what the bytes are, whatever the file is called."""

    digest: str
    encoding: str
    size: int
    kind: Kind = "csv"


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
            head = head or chunk[:4096]
            size += len(chunk)
            digest.update(chunk)
            _count(chunk, counts, decode)
    _decode(decode, b"", counts, final=True)
    if size == 0:
        raise FileRefused("the file is empty")
    kind = _kind(head, path)
    if kind not in ("csv", "vcard"):
        return FileFacts(digest.hexdigest(), "", size, kind)
    found = encoding or _encoding(head, counts)
    if found not in ("utf-8-sig", "cp1252"):
        _check_readable(path, found)
    return FileFacts(digest.hexdigest(), found, size, kind)


def _kind(head: bytes, path: Path) -> Kind:
    """By the first bytes: an .xls that is a page of HTML, or an .xlsx that is a CSV file, is read as what it is."""
    if head[:4] == _ZIP:
        return archive_kind(path)
    if head[:8] == _OLE:
        return "xls"
    if head.lstrip()[:5].lower() in (b"%pdf-", b"<html", b"<!doc", b"<?xml"):
        raise FileRefused("the file is a page or a document, whatever its name says; save it as CSV or XLSX")
    return "vcard" if _CARD.match(head) else "csv"


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
