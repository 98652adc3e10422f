"""Whether this process itself is late: then time that runs out says nothing about models."""

import asyncio

_BEAT_S = 0.1


class Pulse:
    """A beat of the event loop.  `late_s` grows by how much later than it should each beat comes."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._next: asyncio.TimerHandle | None = None
        self._late_s = 0.0

    def start(self) -> None:
        """Within the loop; again changes nothing."""
        if self._next is None:
            self._loop = asyncio.get_running_loop()
            self._next = self._loop.call_later(_BEAT_S, self._beat)

    def stop(self) -> None:
        """No more beats."""
        if self._next is not None:
            self._next.cancel()
            self._next = None

    @property
    def late_s(self) -> float:
        """Seconds, since it was started; the beat that is due now counts."""
        return self._late_s + self._overdue_s()

    def _beat(self) -> None:
        assert self._loop is not None
        self._late_s += self._overdue_s()
        self._next = self._loop.call_later(_BEAT_S, self._beat)

    def _overdue_s(self) -> float:
        if self._loop is None or self._next is None:
            return 0.0
        return max(0.0, self._loop.time() - self._next.when())
