"""Work in threads that nobody leaves alone: a table must not be closed, or loaded again, while a thread is at it."""

import asyncio
from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


async def in_thread(call: Callable[..., T], *arguments: object) -> T:
    """The call's result, from a thread.  When this is cancelled, it first waits for the call to end."""
    future = asyncio.ensure_future(asyncio.to_thread(call, *arguments))
    try:
        return await asyncio.shield(future)
    finally:
        await finished([future])


async def finished(threads: Iterable["asyncio.Future[T]"]) -> None:
    """Wait until no thread works any more, however often the waiting is cancelled."""
    pending = [each for each in threads if not each.done()]
    cancelled = False
    while pending:
        try:
            await asyncio.wait(pending)
        except asyncio.CancelledError:
            cancelled = True
        pending = [each for each in pending if not each.done()]
    if cancelled:
        raise asyncio.CancelledError
