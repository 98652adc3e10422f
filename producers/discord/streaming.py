"""Shows an answer while a model writes it, as often as Discord's limits and a reader's eyes allow."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from producers.providers import Answer, Answering, Attempt, Request, Stream

from .delivery import Delivery
from .growing import Growing
from .journal import Acted, Question
from .pace import Pace
from .pacing import pause
from .ports import SettingsStore


class Streaming:
    """All answers that stream in."""

    def __init__(self, answering: Answering, settings: SettingsStore, pace: Pace) -> None:
        self._answering = answering
        self._settings = settings
        self._pace = pace
        self._sharing: Counter[int] = Counter()  # answers, by channel: they share its limit of edits

    async def answer(
        self, question: Question, acted: Acted, request: Request, growing: Growing, delivery: Delivery
    ) -> Answer:
        """Until the model has ended; the end itself is left to `Delivery.finish`.  What it cost is counted in any case.

        Unanswered: no model did.  GoneError: there is nowhere to show it any more.
        """
        stream: Stream | None = None
        try:
            async with self._answering.stream(acted.ranking, request) as stream:
                reading = asyncio.create_task(growing.read(stream))
                try:
                    await self._show(question.channel, growing, reading, delivery)
                    await reading
                finally:
                    reading.cancel()
                    await asyncio.gather(reading, return_exceptions=True)
            return stream.answer
        finally:
            if stream is not None:
                growing.attempts = stream.attempts
                await self._pay(question.tenant, stream.attempts)

    async def _pay(self, tenant: str, attempts: Sequence[Attempt]) -> None:
        cost = sum(each.cost_usd for each in attempts)
        if cost > 0:
            await asyncio.shield(self._settings.spend(tenant, cost))

    async def _show(self, channel: int, growing: Growing, reading: asyncio.Task[None], delivery: Delivery) -> None:
        await growing.changed.wait()
        await asyncio.wait([reading], timeout=self._pace.linger)
        with self._shared(channel):
            while not reading.done():
                growing.changed.clear()
                if growing.text:
                    await delivery.progress(growing.text)
                await asyncio.wait([reading], timeout=pause(delivery.bucket(), self._sharing[channel]))
                if not reading.done():
                    await growing.changed.wait()

    @contextmanager
    def _shared(self, channel: int) -> Iterator[None]:
        self._sharing[channel] += 1
        try:
            yield
        finally:
            self._sharing[channel] -= 1
            if not self._sharing[channel]:
                del self._sharing[channel]
