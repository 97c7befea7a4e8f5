"""What scoring's commands ask the service, over HTTP."""

from functools import partial
from typing import Final

from shared.runtime.asking import ask_service

call: Final = partial(ask_service, "scoring")
"""See shared.runtime.asking."""
