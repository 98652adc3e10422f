"""How the bot is: for /health, /status and /metrics."""

import math
import os
import time
from typing import Any, Final

from .compose import Composed

#: Discord itself may be away for a while, and every restart takes one of a thousand sessions a day.
_PATIENCE: Final = 300.0


class Vitals:
    """Looked at when asked."""

    def __init__(self, composed: Composed) -> None:
        self._of = composed
        self._well = time.monotonic()
        composed.bot.metrics.watch(self.connected, self.latency)

    def connected(self) -> float:
        """Share of the shards that hear Discord."""
        shards = self._of.bot.shards
        return sum(not each.is_closed() for each in shards.values()) / len(shards) if shards else 0.0

    def latency(self) -> float:
        """Seconds of the slowest shard's last heartbeat; 0 before the first."""
        known = [each for _, each in self._of.bot.latencies if math.isfinite(each)]
        return max(known, default=0.0)

    def health(self) -> dict[str, Any]:
        """healthy, and why not."""
        ready = self._of.bot.is_ready() and self.connected() == 1.0
        if ready:
            self._well = time.monotonic()
        since = time.monotonic() - self._well
        well = since < _PATIENCE
        reason = None if well else f"Discord has not been heard by all shards for {since:.0f} s"
        return {"healthy": well, "reason": reason, "ready": ready}

    def status(self) -> dict[str, Any]:
        """Everything."""
        bot, path = self._of.bot, self._of.path
        return {
            "role": "bot",
            "pid": os.getpid(),
            **self.health(),
            "guilds": len(bot.guilds),
            "shards": {str(number): not each.is_closed() for number, each in bot.shards.items()},
            "latency_seconds": self.latency(),
            "questions_running": bot.answerer.running,
            "kafka_reachable": path.reachable,
            "events_waiting_for_kafka": path.backlog,
            "domains_waiting_for_kafka": self._of.enrolment.pending,
            "breakers": self._of.providers.breakers(),
        }
