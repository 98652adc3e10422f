"""Recorded traffic for as long as it is wanted, in slices that overlap when decisions are late."""

import asyncio
import time
from collections.abc import Sequence

from producers.replay.feedback import FeedbackPlan
from producers.replay.player import play
from producers.replay.recording import Recording
from producers.replay.report import PlayReport
from schemas.errors import BrokerUnavailableError

#: Feedback of every kind, often enough that a short run has each.
PLAN = FeedbackPlan(delay_s=0.5, late=0.02, duplicate=0.05, orphan=0.02, lost=0.02)
_SLICE_SECONDS = 10.0
_PATIENCE_SECONDS = 120.0
_AGAIN_SECONDS = 0.5


class Traffic:
    """Plays recordings on one deployment.  Broker faults break plays: the next slice begins when it is back."""

    def __init__(self, bootstrap: str, prefix: str, recordings: Sequence[Recording], rate: float, seed: int) -> None:
        self._bootstrap, self._prefix, self._recordings = bootstrap, prefix, recordings
        self._rate, self._seed = rate, seed
        self._reports: dict[int, PlayReport] = {}
        self._sent: dict[int, int] = {}  # contexts, by slice
        self._plays: list[asyncio.Task[None]] = []
        self.contexts = 0  # of plays that ended
        self.sent_all_at = 0.0  # monotonic seconds: the last context
        self.broken = 0  # slices that the broker's absence ended

    async def run(self, seconds: float) -> None:
        """Send contexts for so long; their feedback may still be on its way afterwards."""
        until = time.monotonic() + seconds
        number = 0
        while (left := until - time.monotonic()) > 0:
            length = min(_SLICE_SECONDS, left)
            self._plays.append(asyncio.create_task(self._slice(number, max(1, round(length * self._rate)))))
            number += 1
            await asyncio.sleep(length)

    async def _slice(self, number: int, interactions: int) -> None:
        def watch(report: PlayReport) -> None:
            if report.contexts > self._sent.get(number, 0):
                self._sent[number] = report.contexts
                self.sent_all_at = time.monotonic()
            self._reports[number] = report

        while True:
            try:
                report = await play(
                    self._bootstrap, self._prefix, self._recordings, interactions=interactions, rate=self._rate,
                    seed=self._seed * 100_000 + number, plan=PLAN, progress=watch, patience_s=_PATIENCE_SECONDS,
                )  # fmt: skip
            except BrokerUnavailableError:
                if self._reports.pop(number, None) is not None:
                    self.broken += 1
                    return  # its contexts are in the log; nobody waits for them here, the verdict does
                await asyncio.sleep(_AGAIN_SECONDS)
            else:
                self.contexts += report.contexts
                return

    def undecided(self) -> int:
        """Contexts sent whose decision was not read yet."""
        return sum(report.undecided for report in self._reports.values())

    async def ended(self) -> None:
        """Wait until all decisions came and all feedback was sent."""
        await asyncio.gather(*self._plays)

    def cancel(self) -> None:
        """Stop at once."""
        for each in self._plays:
            each.cancel()
