"""A process of its own that reads a workbook and writes its rows to the standard output, as JSON, one a line.

What a broken or hostile file can do ends with this process: its memory is bounded, and nobody else waits for it.
The first line says what was found, or why nothing can be read.
"""

import resource
import sys
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any, Final

import orjson
import python_calamine

MAX_MEMORY: Final = 260_000_000
_WHOLE: Final = 1e15  # beyond it a spreadsheet's number has lost digits


def main(path: str, wanted: str) -> None:
    """Write a sheet's rows; `wanted` is its name, or blank for the first that is not hidden."""
    resource.setrlimit(resource.RLIMIT_DATA, (MAX_MEMORY, MAX_MEMORY))
    try:
        with open(path, "rb") as file:
            workbook = python_calamine.load_workbook(file)
            for line in _lines(workbook, wanted):
                sys.stdout.buffer.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
    except python_calamine.PasswordError:
        _say("the workbook is encrypted; save it without a password")
    except python_calamine.CalamineError:
        _say("the workbook is damaged, or no workbook")


def _say(why: str) -> None:
    sys.stdout.buffer.write(orjson.dumps({"refused": why}, option=orjson.OPT_APPEND_NEWLINE))


def _lines(workbook: python_calamine.CalamineWorkbook, wanted: str) -> Iterator[Any]:
    sheets = [
        (sheet.name, sheet.visible == python_calamine.SheetVisibleEnum.Visible)
        for sheet in workbook.sheets_metadata
        if sheet.typ == python_calamine.SheetTypeEnum.WorkSheet
    ]
    visible = [name for name, shown in sheets if shown]
    if wanted and wanted not in [name for name, _ in sheets]:
        yield {"refused": f"there is no such sheet; the workbook has {', '.join(name for name, _ in sheets)}"}
        return
    if not wanted and not visible:
        yield {"refused": "the workbook has no visible sheet; name one by --sheet"}
        return
    sheet = workbook.get_sheet_by_name(wanted or visible[0])
    yield {
        "sheet": sheet.name,
        "others": [name for name, _ in sheets if name != sheet.name],
        "merged": len(sheet.merged_cell_ranges or ()),
        "rows": sheet.height,
    }
    for row in sheet.iter_rows():
        yield [_text(cell) for cell in row]


def _text(cell: Any) -> str:
    """A cell as a CSV export would have it; days and times in ISO 8601."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < _WHOLE:
        return str(int(cell))
    if isinstance(cell, datetime) and cell.time() == time():
        return cell.date().isoformat()
    if isinstance(cell, (datetime, date, time)):
        return cell.isoformat()
    return str(cell)


if __name__ == "__main__":
    main(*sys.argv[1:])
