"""JSON logs, one object a line, on standard error: what people and log collectors read."""

import faulthandler
import logging
import os
import sys

import structlog

from .repeats import Repeats

_STANDARD_ERROR = 2  # the file itself: nothing of Python can be relied upon then


def configure_logs(process: str) -> None:
    """Send structlog's and the libraries' records through one pipeline.  CROUPIER_LOG_LEVEL: info unless said.

    A process that ends by a signal of its own doing (SIGSEGV, SIGFPE, SIGABRT, ...) first tells where each thread was.
    """
    faulthandler.enable(_STANDARD_ERROR)
    level = getattr(logging, os.environ.get("CROUPIER_LOG_LEVEL", "info").upper(), logging.INFO)
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    handler.addFilter(Repeats("aiokafka"))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for noisy in ("faust", "mode", "aiokafka", "asyncio"):
        logging.getLogger(noisy).setLevel(max(level, logging.WARNING))
    structlog.contextvars.bind_contextvars(process=process, pid=os.getpid())
