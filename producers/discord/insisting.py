"""Repeats a request to Discord while it is Discord, or the way there, that fails."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import aiohttp
import discord
from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_random_exponential

Result = TypeVar("Result")

_TOO_MANY: Final = 429


def passing(error: BaseException) -> bool:
    """Whether the same request may succeed later.  discord.py has waited and repeated a few times by then."""
    if isinstance(error, discord.HTTPException):
        return error.status >= 500 or error.status == _TOO_MANY
    return isinstance(error, aiohttp.ClientError | discord.RateLimited | OSError | TimeoutError)


async def insist(request: Callable[[], Awaitable[Result]], seconds: float) -> Result:
    """The request's result; the last error when it did not succeed for so long, or never will."""
    async for attempt in AsyncRetrying(
        retry=retry_if_exception(passing),
        wait=wait_random_exponential(0.25, max=10),
        stop=stop_after_delay(seconds),
        reraise=True,
    ):
        with attempt:
            return await request()
    raise AssertionError  # it returns or raises
