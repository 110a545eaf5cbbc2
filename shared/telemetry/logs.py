"""Structured logs: one JSON object a line on standard output; a constant event name, fields beside it, ids always."""

from __future__ import annotations

import logging
import sys
import traceback
from collections import Counter
from typing import cast

import orjson
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

Log = FilteringBoundLogger

_FRAMES = 12
_SELDOM = 1.0  # seconds


def _trace(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Where an exception came from: type and frames. Its message may quote anything, so it stays out."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    if isinstance(error, BaseException):
        event.update(_origin(error))
    return event


def _origin(error: BaseException) -> dict[str, object]:
    return {
        "error_type": type(error).__name__,
        "frames": [
            f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(error.__traceback__)[-_FRAMES:]
        ],
    }


def _plain(value: object) -> str:
    """A field that is no JSON value. Of an exception only the type, for its message may quote anything."""
    return type(value).__name__ if isinstance(value, BaseException) else str(value)


def _render(_: WrappedLogger, __: str, event: EventDict) -> bytes:
    return orjson.dumps(event, default=_plain)


def configure_logs(service: str, role: str, level: str) -> None:
    """Set up logging of the process, once, from `main`. Library loggers go the same way, from warning on."""
    least = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            _trace,
            _render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.BytesLoggerFactory(),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service, role=role)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_LibraryFormatter(service, role))
    handler.addFilter(_Seldom())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(least, logging.WARNING))


class _Seldom(logging.Filter):
    """Each place in a library speaks once a second, and then says how often it was held back; errors with a trace
    always pass. While its broker is away the client of Kafka says the same 300 times a second, in every process
    (measured).
    """

    def __init__(self) -> None:
        super().__init__()
        self._spoke: dict[tuple[str, int], float] = {}
        self._held: Counter[tuple[str, int]] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info:
            return True
        place = (record.pathname, record.lineno)
        if abs(record.created - self._spoke.get(place, 0.0)) < _SELDOM:
            self._held[place] += 1
            return False
        self._spoke[place] = record.created
        record.held_back = self._held.pop(place, 0)
        return True


class _LibraryFormatter(logging.Formatter):
    """Lines of libraries in our shape: the template without its arguments, which may hold anything.

    A line without arguments may have been put together before (asyncio quotes whole exceptions so), so of it only
    the place in the code is kept.
    """

    def __init__(self, service: str, role: str) -> None:
        super().__init__()
        self._fixed = {"service": service, "role": role}

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "event": "library",
            "logger": record.name,
            "template": record.msg if record.args and isinstance(record.msg, str) else None,
            "place": f"{record.filename}:{record.lineno} {record.funcName}",
            "level": record.levelname.lower(),
            **self._fixed,
        }
        if held_back := getattr(record, "held_back", 0):
            line["held_back"] = held_back
        if record.exc_info and record.exc_info[1] is not None:
            line |= _origin(record.exc_info[1])
        return orjson.dumps(line).decode()


def get_log(**fields: object) -> Log:
    """A logger that carries these fields."""
    return cast("Log", structlog.get_logger(**fields))
