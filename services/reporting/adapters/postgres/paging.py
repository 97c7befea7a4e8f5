"""Where pages begin."""

from datetime import UTC, datetime
from typing import Final

# Before everything, newest first. A condition that may be absent would get a plan that reads all pages before.
NEWEST: Final = (datetime(9999, 6, 1, tzinfo=UTC), "ffffffff-ffff-ffff-ffff-ffffffffffff")
