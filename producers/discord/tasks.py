"""The tasks of a part of the bot: one for each number, and their end."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class Tasks:
    """Runs them."""

    def __init__(self, changed: Callable[[int], object]) -> None:
        """changed: is told how many there are."""
        self._changed = changed
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._last = 0

    def __len__(self) -> int:
        return len(self._tasks)

    def __contains__(self, number: int) -> bool:
        return number in self._tasks

    def number(self) -> int:
        """One that no task has."""
        self._last += 1
        return self._last

    def run(self, number: int, work: Coroutine[Any, Any, None]) -> None:
        """Begin one; there must be none of this number."""
        task = asyncio.create_task(work)
        self._tasks[number] = task
        self._changed(len(self))
        task.add_done_callback(lambda _: self._ended(number))

    def cancel(self, number: int) -> bool:
        """End one; False: there is none."""
        task = self._tasks.get(number)
        return task is not None and task.cancel()

    async def stop(self, seconds: float) -> int:
        """Let them end for so long, then end them; how many had to be."""
        if self._tasks:
            await asyncio.wait([*self._tasks.values()], timeout=seconds)
        left = [*self._tasks.values()]
        for each in left:
            each.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        return len(left)

    def _ended(self, number: int) -> None:
        del self._tasks[number]
        self._changed(len(self))
