"""JSON logs to standard output. Only fields on the allow-list are written, so that no personal data slips in."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

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
    ]
)


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
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
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
    """Library logs: logger and level, and the unformatted text, which holds no arguments."""

    def emit(self, record: logging.LogRecord) -> None:
        fields: dict[str, Any] = {"logger": record.name}
        if record.exc_info and record.exc_info[1] is not None:
            fields["exception"] = describe_error(record.exc_info[1])
        text = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
        structlog.get_logger().log(record.levelno, text.splitlines()[0][:200] if text else "", **fields)
