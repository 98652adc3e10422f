"""What a library says over and over is said now and then: a broker that is away is one trouble, not thousands."""

import logging
import time
from collections.abc import Callable
from typing import Final

EVERY_SECONDS: Final = 30.0
#: Messages that are told apart.
_KNOWN: Final = 1000


class Repeats(logging.Filter):
    """Lets a message (before its values are filled in) of a library through once in a while, with how often it came."""

    def __init__(self, library: str, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._library = library
        self._clock = clock
        self._last: dict[tuple[str, str], tuple[float, int]] = {}  # when it was let through, and how often not since

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is to be seen."""
        if record.name.partition(".")[0] != self._library:
            return True
        said, now = (record.name, str(record.msg)), self._clock()
        last, unseen = self._last.get(said, (-EVERY_SECONDS, 0))
        if now - last < EVERY_SECONDS:
            self._last[said] = (last, unseen + 1)
            return False
        if len(self._last) >= _KNOWN:
            self._last.clear()
        self._last[said] = (now, 0)
        if unseen:
            record.msg = f"{record.getMessage()} ({unseen} more like it since the last one shown)"
            record.args = ()
        return True
