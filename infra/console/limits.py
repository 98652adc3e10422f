"""How often something may be tried: a window that slides, for each key."""

import time
from collections import deque
from collections.abc import Callable
from typing import Final

#: So many keys are remembered; then the oldest are forgotten.
_KEYS: Final = 10_000


class Limit:
    """At most so many times within so many seconds, for each key."""

    def __init__(self, times: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._times = times
        self._seconds = seconds
        self._clock = clock
        self._noted: dict[str, deque[float]] = {}

    def wait(self, key: str) -> float:
        """Seconds until it may be tried again; 0: now."""
        noted = self._recent(key)
        return noted[0] + self._seconds - self._clock() if len(noted) >= self._times else 0.0

    def note(self, key: str) -> None:
        """It was tried."""
        noted = self._recent(key)
        noted.append(self._clock())
        self._noted.pop(key, None)
        self._noted[key] = noted
        while len(self._noted) > _KEYS:
            del self._noted[next(iter(self._noted))]

    def take_back(self, key: str) -> None:
        """The last one went well, and does not count."""
        if noted := self._noted.get(key):
            noted.pop()

    def _recent(self, key: str) -> deque[float]:
        noted = self._noted.get(key, deque())
        while noted and noted[0] <= self._clock() - self._seconds:
            noted.popleft()
        return noted
