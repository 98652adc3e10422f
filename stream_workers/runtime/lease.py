"""A process that stood still has a successor by now: it must end before it writes anything."""

import asyncio
import time
from collections.abc import Callable


def standstill_clock() -> float:
    """Seconds, moving also while the machine sleeps (where the system has such a clock)."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class Lease:
    """Held while the event loop keeps turning.  `lost(seconds)` is called, once, when it stood still too long.

    seconds: the standstill that ends it; a part of the group's session timeout, so that it is noticed before a
    successor can have been chosen and have recovered.
    """

    def __init__(
        self, seconds: float, lost: Callable[[float], None], clock: Callable[[], float] = standstill_clock
    ) -> None:
        self.seconds = seconds
        self._lost = lost
        self._clock = clock
        self._renewed = clock()

    def check(self) -> None:
        """Call before writing anything others will read."""
        stood = self._clock() - self._renewed
        if stood > self.seconds:
            self._lost(stood)

    def renew(self) -> None:
        """The loop turned."""
        self.check()
        self._renewed = self._clock()

    async def keep(self) -> None:
        """Renew for ever."""
        self._renewed = self._clock()
        while True:
            await asyncio.sleep(self.seconds / 20)
            self.renew()
