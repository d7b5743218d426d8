"""Sets up the log: JSON in service, colours on a terminal, and the ids of the lease at hand."""

from __future__ import annotations

import logging
import sys
from typing import Literal, TextIO

import structlog
from structlog.typing import Processor

Format = Literal["auto", "json", "console"]


def configure(*, format: Format, level: str, stream: TextIO = sys.stderr) -> None:
    """Sends our events, and what libraries log, to the stream. `auto`: is it a terminal?"""
    as_console = format == "console" or (format == "auto" and stream.isatty())
    shared = _shared_processors(as_console=as_console)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _renderer(as_console=as_console),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("executor").setLevel(level.upper())


def _shared_processors(*, as_console: bool) -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        *([] if as_console else [structlog.processors.format_exc_info]),
    ]


def _renderer(*, as_console: bool) -> Processor:
    if as_console:
        # The default one shows local variables, and so the keys that are among them.
        return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    return structlog.processors.JSONRenderer()
