"""`python -m services.preview`: reads a job and a past from standard input, writes the report to standard output.

It has no database, no network and no settings: whoever starts it hands it all that it needs.
"""

import os
import sys
from contextlib import suppress
from typing import Final

import orjson

from services.preview.job import run
from services.reporting.domain.frames import frames

_COURTESY: Final = 10


def main() -> int:
    """0 with a report or with problems of the drafts; 1 where what was read is no preview's past."""
    with suppress(OSError):
        os.nice(_COURTESY)  # whoever started it goes on with its own work beside
    try:
        found = run(frames(sys.stdin.buffer))
    except (EOFError, KeyError, TypeError, ValueError) as error:
        sys.stdout.buffer.write(orjson.dumps({"failed": type(error).__name__}))
        return 1
    sys.stdout.buffer.write(orjson.dumps(found))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
