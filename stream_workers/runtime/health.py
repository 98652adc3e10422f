"""Who stands still: sources with records to apply whose position does not move, and state that is not checkpointed.

Faust's own /health is always fine.  Here a process is healthy while its applied positions move or nothing is to be
applied, and while what was applied becomes durable.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple


class Lag(NamedTuple):
    """How far one source partition is."""

    topic: str
    partition: int
    applied: int  # offset of the next record to apply
    end: int  # of the log, as far as known


@dataclass(slots=True)
class _Standing:
    applied: int
    since: float


class Health:
    """Fed with lags every so often; remembers since when each source stands still."""

    def __init__(self, unhealthy_seconds: float, clock: Callable[[], float]) -> None:
        self._limit = unhealthy_seconds
        self._clock = clock
        self._standing: dict[tuple[str, int], _Standing] = {}
        self._checkpointed: float | None = None
        self._unsaved_since: float | None = None

    def clear(self) -> None:
        """A rebalance: nobody is expected to move."""
        self._standing.clear()

    def observe(self, lags: Iterable[Lag]) -> list[Lag]:
        """Those that have lag and have not moved since the last observation: a batch may have been dropped there."""
        now = self._clock()
        still: list[Lag] = []
        seen: dict[tuple[str, int], _Standing] = {}
        for lag in lags:
            if lag.end <= lag.applied:
                continue
            key = (lag.topic, lag.partition)
            known = self._standing.get(key)
            if known is not None and known.applied == lag.applied:
                seen[key] = known
                still.append(lag)
            else:
                seen[key] = _Standing(lag.applied, now)
        self._standing = seen
        return still

    def standing_seconds(self, lag: Lag) -> float:
        """Since when a source stands still, as of now."""
        standing = self._standing.get((lag.topic, lag.partition))
        return 0.0 if standing is None else self._clock() - standing.since

    def applied(self) -> None:
        """Something was applied that no checkpoint holds yet."""
        if self._unsaved_since is None:
            self._unsaved_since = self._clock()

    def checkpointed(self) -> None:
        """All of it is durable."""
        self._checkpointed = self._clock()
        self._unsaved_since = None

    def checkpoint_age(self) -> float | None:
        """Seconds since the last checkpoint, None before the first."""
        return None if self._checkpointed is None else self._clock() - self._checkpointed

    def problem(self) -> str | None:
        """Why this process is not healthy."""
        now = self._clock()
        found = [
            f"{topic} partition {partition} stands at offset {standing.applied} for {now - standing.since:.0f} s"
            for (topic, partition), standing in sorted(self._standing.items())
            if now - standing.since > self._limit
        ]
        if self._unsaved_since is not None and now - self._unsaved_since > self._limit:
            found.append(f"no checkpoint was completed for {now - self._unsaved_since:.0f} s: is the broker there?")
        return "; ".join(found) or None
