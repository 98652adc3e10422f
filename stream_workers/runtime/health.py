"""Who stands still: sources with records to apply whose position does not move, and work that does not get on.

Faust's own /health is always fine.  Here a process is healthy while its applied positions move or nothing is to be
applied, while what was applied is committed, and while what must happen before anything can be applied (a settled
group, recovery, a broker that answers) gets on.
"""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import NamedTuple


class Lag(NamedTuple):
    """How far one source partition is."""

    topic: str
    partition: int
    applied: int  # offset of the next record to apply
    end: int  # of the log, as far as known
    why: str = ""  # nothing of it may be applied now


@dataclass(slots=True)
class _Standing:
    at: Hashable
    since: float
    words: str


class Health:
    """Fed with lags and with how far other work is, every so often; remembers since when each stands still."""

    def __init__(self, unhealthy_seconds: float, clock: Callable[[], float]) -> None:
        self._limit = unhealthy_seconds
        self._clock = clock
        self._standing: dict[tuple[str, int], _Standing] = {}
        self._work: dict[str, _Standing] = {}
        self._committed: float | None = None
        self._unsaved_since: float | None = None

    def clear(self) -> None:
        """A rebalance: nobody is expected to move, and what no checkpoint holds is another's to apply."""
        self._standing.clear()
        self._unsaved_since = None

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
            if known is not None and known.at == lag.applied:
                seen[key] = known
                known.words = lag.why
                still.append(lag)
            else:
                seen[key] = _Standing(lag.applied, now, lag.why)
        self._standing = seen
        return still

    def standing_seconds(self, lag: Lag) -> float:
        """Since when a source stands still, as of now."""
        standing = self._standing.get((lag.topic, lag.partition))
        return 0.0 if standing is None else self._clock() - standing.since

    def work(self, name: str, at: Hashable, words: str) -> None:
        """Work that is not done yet is at `at`; words: what it is, e.g. "recovery is at 5 of 10 records"."""
        known = self._work.get(name)
        if known is None or known.at != at:
            self._work[name] = _Standing(at, self._clock(), words)

    def done(self, name: str) -> None:
        """That work is not under way (any more)."""
        self._work.pop(name, None)

    def applied(self) -> None:
        """Something was applied that no checkpoint holds yet."""
        if self._unsaved_since is None:
            self._unsaved_since = self._clock()

    def committed(self) -> None:
        """All of it is durable, and its offsets are committed."""
        self._committed = self._clock()
        self._unsaved_since = None

    def checkpoint_age(self) -> float | None:
        """Seconds since the last checkpoint whose offsets were committed, None before the first."""
        return None if self._committed is None else self._clock() - self._committed

    def unsaved_seconds(self) -> float:
        """Since when something is applied that no checkpoint holds; 0: nothing is."""
        return 0.0 if self._unsaved_since is None else self._clock() - self._unsaved_since

    def problem(self) -> str | None:
        """Why this process is not healthy."""
        now = self._clock()
        found = [
            f"{each.words} for {now - each.since:.0f} s"
            for _, each in sorted(self._work.items())
            if now - each.since > self._limit
        ]
        found += [
            f"{topic} partition {partition} stands at offset {each.at} for {now - each.since:.0f} s"
            + (f": it {each.words}" if each.words else "")
            for (topic, partition), each in sorted(self._standing.items())
            if now - each.since > self._limit
        ]
        if self._unsaved_since is not None and now - self._unsaved_since > self._limit:
            found.append(f"no checkpoint was completed for {now - self._unsaved_since:.0f} s: is the broker there?")
        return "; ".join(found) or None
