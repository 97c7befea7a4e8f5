"""JSON logs to standard output. Only fields on the allow-list are written, so that no personal data slips in."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Final, TextIO, cast

import structlog

from shared.observability.log_stream import SteadyStream

ALLOWED: Final = frozenset(
    [
        "timestamp",
        "level",
        "event",
        "logger",
        "service",
        "version",
        "replica",
        "group",
        "topic",
        "partition",
        "offset",
        "records",
        "generation",
        "error",
        "reason",
        "seconds",
        "exception",
        "event_id",
        "receipt_id",
        "lead_id",
        "command_id",
        "trace_id",
        "slot",
        "host",
        "port",
        "path",
        "status",
        "route",
        "kind",
        "rules_version",
        "count",
        "code",
        "signal",
        "stage",
        "cause",
        "component",
        "ready",
        "lag",
        "transactional_id",
        "key_id",
        "role",
        "coordination",
        "heartbeat",
        "task",
        "partitions",
        "first",
        "chore",
        "problems",
        "source",
        "sources",
        "kept",
        "attempts",
        "verifier",
        "journey",
        "step",
        "send_id",
        "stability",
        "threshold",
        "leads",
    ]
)

_QUIET_S: Final = 10.0
_TEXTS_REMEMBERED: Final = 1000


def _only_allowed(_logger: Any, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {name: value for name, value in fields.items() if name in ALLOWED}


def _without_values(_logger: Any, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Exceptions by type and place: their messages may hold what a person typed."""
    info = fields.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()[1]
    if isinstance(info, BaseException):
        fields["exception"] = describe_error(info)
    return fields


def describe_error(error: BaseException) -> str:
    """Type and innermost places of an error, without its message."""
    frames = []
    trace = error.__traceback__
    while trace is not None:
        frames.append(f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}")
        trace = trace.tb_next
    return f"{type(error).__name__} at {' < '.join(reversed(frames[-6:]))}"


def configure(service: str, version: str, replica: int, level: str = "INFO", *, console: bool = False) -> None:
    """Set up structlog and bring the standard library's loggers into the same form."""
    renderer: Any = structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _without_values,
            _only_allowed,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, SteadyStream(sys.stdout))),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service, version=version, replica=replica)
    handler = _Bridge()
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    # Its retries at the end of each transaction, a line a partition, say nothing that our own log does not.
    logging.getLogger("aiokafka").setLevel(logging.ERROR)
    # It calls every try to find a coordinator an error; ours says what is waited for.
    logging.getLogger("aiokafka.consumer.group_coordinator").setLevel(logging.CRITICAL)
    logging.getLogger("faststream").setLevel(logging.ERROR)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)


class _Bridge(logging.Handler):
    """Library logs: logger and level, and the unformatted text, which holds no arguments.

    The same text comes once in 10 s, with how many it stands for: while Kafka is away its client says so a thousand
    times a second.
    """

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, str], tuple[float, int]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        text = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
        count = self._counted((record.name, text), record.created)
        if not count:
            return
        fields: dict[str, Any] = {"logger": record.name}
        if count > 1:
            fields["count"] = count
        if record.exc_info and record.exc_info[1] is not None:
            fields["exception"] = describe_error(record.exc_info[1])
        structlog.get_logger().log(record.levelno, text.splitlines()[0][:200] if text else "", **fields)

    def _counted(self, key: tuple[str, str], now: float) -> int:
        """How many this one stands for; 0 where it is not to be said yet."""
        if len(self._said) > _TEXTS_REMEMBERED:
            self._said.clear()
        said_at, unsaid = self._said.get(key, (-_QUIET_S, 0))
        if now - said_at < _QUIET_S:
            self._said[key] = (said_at, unsaid + 1)
            return 0
        self._said[key] = (now, 0)
        return unsaid + 1
