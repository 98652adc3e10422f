"""A circuit breaker: a model that keeps failing is left alone for a while, then tried by one request."""

from collections.abc import Callable
from typing import Literal

from .catalogue import BreakerLimits

State = Literal["closed", "open", "half-open"]


class Breaker:
    """Of one model (Nygard, Release It!, 2007).

    Closed: all may ask.  Open after `failures` in a row, or for as long as the provider asks: nobody may.  Then
    half-open: one may, the probe; its success closes, its failure opens for twice as long as before, up to
    `longest_open_s`.  What ends while the breaker is open and began before says nothing new and changes nothing.
    clock: seconds, monotonic.  changed: is told the seconds for which it opened, or 0 when it closed.
    """

    def __init__(
        self, limits: BreakerLimits, clock: Callable[[], float], changed: Callable[[float], None] = lambda _: None
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._changed = changed
        self._failures = 0
        self._until: float | None = None  # None: closed
        self._pause_s = limits.open_s
        self._probe: Permit | None = None

    @property
    def state(self) -> State:
        """At this moment."""
        if self._until is None:
            return "closed"
        return "open" if self._clock() < self._until else "half-open"

    @property
    def admits(self) -> bool:
        """Whether somebody may ask now."""
        state = self.state
        return state == "closed" or (state == "half-open" and self._probe is None)

    def enter(self) -> "Permit | None":
        """Leave to ask once, or None: not now."""
        if not self.admits:
            return None
        permit = Permit(self)
        if self._until is not None:
            self._probe = permit
        return permit

    def _succeeded(self, permit: "Permit") -> None:
        if self._until is not None and permit is not self._probe:
            return
        if self._until is not None:
            self._changed(0.0)
        self._failures = 0
        self._until = None
        self._probe = None
        self._pause_s = self._limits.open_s

    def _failed(self, permit: "Permit", pause_s: float | None, lasting: bool) -> None:
        if permit is self._probe:
            self._probe = None
            self._pause_s = min(2 * self._pause_s, self._limits.longest_open_s)
            self._open(self._pause_s, pause_s)
        elif self._until is None:
            self._failures += 1
            if lasting or self._failures >= self._limits.failures:
                self._open(self._pause_s, pause_s)
            elif pause_s is not None:
                self._open(pause_s)

    def _left(self, permit: "Permit") -> None:
        if permit is self._probe:
            self._probe = None

    def _open(self, *pauses_s: float | None) -> None:
        pause_s = max(pause for pause in pauses_s if pause is not None)
        self._until = self._clock() + pause_s
        self._changed(pause_s)


class Permit:
    """Leave to ask a model once; whoever has it says how it went.  Only the first word counts."""

    def __init__(self, breaker: Breaker) -> None:
        self._breaker: Breaker | None = breaker

    def succeeded(self) -> None:
        """The model answered."""
        if (breaker := self._take()) is not None:
            breaker._succeeded(self)

    def failed(self, *, pause_s: float | None = None, lasting: bool = False) -> None:
        """The model did not.  pause_s: the provider asked for this; lasting: no need to see it again."""
        if (breaker := self._take()) is not None:
            breaker._failed(self, pause_s, lasting)

    def left(self) -> None:
        """It is not known how it went: the next may ask."""
        if (breaker := self._take()) is not None:
            breaker._left(self)

    def _take(self) -> Breaker | None:
        breaker, self._breaker = self._breaker, None
        return breaker
