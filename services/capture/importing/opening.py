"""One way to open a file of any kind that is known."""

from pathlib import Path
from typing import Final

from services.capture.importing.csv import open_csv
from services.capture.importing.inspecting import FileFacts
from services.capture.importing.refusal import FileRefused
from services.capture.importing.table import ReadingOptions, Table
from services.capture.importing.vcard import open_vcards
from services.capture.importing.workbook import open_workbook

_DELIMITERS: Final = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}


def open_table(path: Path, facts: FileFacts, options: ReadingOptions | None = None) -> Table:
    """Open a file that was inspected. Raises FileRefused where it has no usable header, or is not safe to expand."""
    options = options or ReadingOptions()
    match facts.kind:
        case "csv":
            delimiter = options.delimiter and _DELIMITERS.get(options.delimiter.lower(), options.delimiter)
            if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
                raise FileRefused("a delimiter is one character, or tab, comma, semicolon, pipe")
            return open_csv(path, facts.encoding, delimiter=delimiter, header_row=options.header_row)
        case "vcard":
            return open_vcards(path, facts.encoding)
        case "xlsx" | "xls" | "ods":
            return open_workbook(path, facts.kind, sheet=options.sheet, header_row=options.header_row)
