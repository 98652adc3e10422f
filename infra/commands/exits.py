"""What the exit codes mean, and how an error that a person can meet becomes a sentence and one of them."""

import asyncio
import logging
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Any, TypeVar

import typer

from schemas.errors import BrokerUnavailableError, CroupierError, TopicsMismatchError

from .printing import complain, print_json

Result = TypeVar("Result")


class Exit(IntEnum):
    """Exit codes of every command.  A worker that ends itself has two more: stream_workers.runtime.app."""

    WRONG = 1  # the file, the name or the id is wrong; nothing was changed
    USAGE = 2  # no such option or command (typer's own)
    NOT_IN_TIME = 3  # it runs, but is not where it should be: not applied in time, not healthy
    NO_BROKER = 4  # no broker answers, or its topics are not Croupier's
    INTERRUPTED = 130


def exit_code(error: CroupierError) -> Exit:
    """The exit code of an error."""
    return Exit.NO_BROKER if isinstance(error, BrokerUnavailableError | TopicsMismatchError) else Exit.WRONG


@contextmanager
def explained(*, as_json: bool) -> Iterator[None]:
    """Turn the errors people can meet into a sentence (or {"error": ...}) and an exit code."""
    try:
        yield
    except CroupierError as error:
        print_json({"error": str(error)}) if as_json else complain(str(error))
        raise typer.Exit(exit_code(error)) from None


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run to the end; what the Kafka client logs on the way is in our errors already."""
    client = logging.getLogger("aiokafka")
    level = client.level
    client.setLevel(logging.CRITICAL)
    try:
        return asyncio.run(work)
    finally:
        client.setLevel(level)
