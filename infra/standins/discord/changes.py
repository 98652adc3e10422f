"""Waiting for a condition instead of for time."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


LOOK_AGAIN = 0.02
"""Seconds after which a condition is looked at again anyway: it may be about something that tells nobody."""


class Changes:
    """Wakes those who wait for something to become true whenever it may have."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def tell(self) -> None:
        """Something changed: let every waiter look again."""
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
        self._waiting.clear()

    async def until(self, look: Callable[[], T], timeout: float, seen: Callable[[], str]) -> T:
        """What `look()` gives as soon as that is true.

        Raises TimeoutError after `timeout` seconds; its message tells what `seen()` tells.
        """
        deadline = asyncio.get_running_loop().time() + timeout
        while not (found := look()):
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                raise TimeoutError(f"waited {timeout:g} s in vain; there is: {seen()}")
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.add(future)
            try:
                await asyncio.wait_for(future, min(left, LOOK_AGAIN))
            except TimeoutError:
                continue
            finally:
                self._waiting.discard(future)
        return found
