"""The sign that an answer is on its way: "is typing ..." in the channel."""

import asyncio
import math
import time
from contextlib import suppress
from typing import Final

from .delivery import Delivery
from .surface import Surface

_SECONDS: Final = 8.0  # Discord shows it for ten
_MOST_CHANNELS: Final = 10_000


class TypingSign:
    """Discord shows it for the whole channel, so one of several answers there gives it for all."""

    def __init__(self, after: float) -> None:
        """after: seconds; an answer that is there by then is its own sign."""
        self._after = after
        self._given: dict[int, float] = {}  # when it was last given, by channel

    async def give(self, channel: int, surface: Surface, delivery: Delivery) -> None:
        """Until something of the answer is shown."""
        await asyncio.sleep(self._after)
        while not delivery.begun:
            now = time.monotonic()
            if now - self._given.get(channel, -math.inf) >= _SECONDS:
                if len(self._given) >= _MOST_CHANNELS:
                    self._given.clear()
                self._given[channel] = now
                with suppress(Exception):  # a sign that does not show is worth less than the answer
                    await surface.typing()
            await asyncio.sleep(_SECONDS)
