"""Sets up the log: JSON in service, colours on a terminal, with the ids that contextvars hold."""

from __future__ import annotations

import logging
import sys
from typing import Literal, TextIO

import structlog
from structlog.typing import Processor

Format = Literal["auto", "json", "console"]


def configure(*, format: Format, level: str, stream: TextIO = sys.stderr) -> None:
    """Sends our events from `level` on, and warnings of libraries, to the stream.

    `auto` writes for people where the stream is a terminal.
    """
    as_console = format == "console" or (format == "auto" and stream.isatty())
    shared = _shared_processors(as_console=as_console)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers[:] = [_handler(stream, shared, as_console=as_console)]
    root.setLevel(level.upper())


def _is_ours_or_a_warning(record: logging.LogRecord) -> bool:
    """Events of structlog come in as dicts."""
    return isinstance(record.msg, dict) or record.levelno >= logging.WARNING


def _handler(stream: TextIO, shared: list[Processor], *, as_console: bool) -> logging.StreamHandler[TextIO]:
    renderer = _for_people() if as_console else structlog.processors.JSONRenderer()
    handler = logging.StreamHandler(stream)
    handler.addFilter(_is_ours_or_a_warning)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    return handler


def _for_people() -> structlog.dev.ConsoleRenderer:
    """The default shows local variables under a traceback, and keys may be among them."""
    return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)


def _shared_processors(*, as_console: bool) -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        *([] if as_console else [structlog.processors.format_exc_info]),
    ]
