"""The log's way out of the process. Nobody's work ends because a line could not be written."""

from typing import Protocol

from shared.observability.metrics import LOG_LINES_LOST


class Stream(Protocol):
    """What lines are written to, such as standard output."""

    def write(self, text: str, /) -> int: ...

    def flush(self) -> None: ...


class SteadyStream:
    """Writes lines to a stream. One that the stream does not take, as on a full disk, is lost and counted
    (`log_lines_lost_total`); the next one is tried again."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._failed = False

    def write(self, text: str) -> int:
        """Never raises OSError. A line may come in several parts."""
        try:
            self._stream.write(text)
        except OSError:
            self._failed = True
        return len(text)

    def flush(self) -> None:
        """The end of a line. Never raises OSError."""
        try:
            self._stream.flush()
        except OSError:
            self._failed = True
        if self._failed:
            self._failed = False
            LOG_LINES_LOST.inc()
