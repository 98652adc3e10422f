"""What becomes of summaries and follow-ups: what people make of them is recorded, and their silence as well."""

import time
from collections.abc import Callable, Mapping
from typing import Final

import structlog

from producers.deciding import Deciding, SpoolFullError

from .remembered import Made, Remembered
from .wanted import SILENCE, observations

#: First letters of the ids of decisions that are remembered: analyses and engagement.
_KINDS: Final = frozenset("ae")
_AT_ONCE: Final = 500

_log = structlog.stdlib.get_logger(__name__)


class Aftermath:
    """Records."""

    def __init__(
        self,
        remembered: Remembered,
        deciding: Deciding,
        *,
        silent_after_s: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """silent_after_s: then silence is recorded; before the domains' horizon."""
        self.remembered = remembered
        self._deciding = deciding
        self._silent_after_s = silent_after_s
        self._clock = clock

    async def acted(self, made: Made, observed: Mapping[str, float]) -> bool:
        """Record how acting on it went."""
        return await self._observe(made, observed, "acted")

    async def heard(self, made: Made, signal: str, value: float = 1.0, who: str = "") -> bool:
        """Record a signal of people.  who: a pseudonym.  False: it can not be recorded now."""
        what = f"{signal}:{who}" if who else signal
        return await self._observe(made, observations(made.domain, made.arm, signal, value), what)

    def meaning(self, decision: str, signal: str, value: float) -> Mapping[str, float]:
        """What to observe about any decision: of one that is not known here, the signal alone."""
        made = self.remembered.by_decision(decision) if decision[:1] in _KINDS else None
        return {signal: value} if made is None else observations(made.domain, made.arm, signal, value)

    async def settle(self) -> int:
        """Record the silence about choices that are old enough; how many."""
        count = 0
        for made in self.remembered.to_settle(self._clock() - self._silent_after_s, _AT_ONCE):
            if made.followed and not await self.heard(made, SILENCE):
                break
            self.remembered.settled(made.decision)
            count += 1
        return count

    async def _observe(self, made: Made, observed: Mapping[str, float], what: str) -> bool:
        if not observed:
            return True
        try:
            await self._deciding.observe(made.tenant, made.decision, observed, id=f"{made.decision}:{what}")
        except SpoolFullError:
            _log.error("what came of a decision can not be recorded: Kafka has been away too long, the spool is full")
            return False
        return True
