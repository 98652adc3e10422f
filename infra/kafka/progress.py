"""How long work tells what it is doing: a function that takes a sentence."""

import sys
from collections.abc import Callable

Progress = Callable[[str], None]


def to_stderr(message: str) -> None:
    """Say it on standard error, so that standard output stays for results."""
    print(message, file=sys.stderr, flush=True)  # noqa: T201
