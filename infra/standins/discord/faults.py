"""Faults of the REST API on demand: errors, limits, slowness, lost answers.  The gateway has its own (`Gateway`)."""

import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class Fault:
    """What happens to the next `times` requests whose "METHOD /path" begins with `where` (no /api/v10), until `ends`.

    status: of an error; 429 for a limit of `scope`; 0 for none.
    retry_after: seconds that a 429 asks to wait; None: as long as the fault lasts.
    delay: seconds before anything happens.  lag: seconds between the effect and its answer.
    cut: close the connection without an answer, "before" or "after" the effect.
    """

    where: str = ""
    times: int | None = None
    ends: float = float("inf")
    status: int = 0
    retry_after: float | None = None
    scope: str = "user"
    delay: float = 0.0
    lag: float = 0.0
    cut: str = ""
    hits: int = 0

    def fits(self, request: str, now: float) -> bool:
        """Whether it happens to this request."""
        return (self.times is None or self.times > 0) and now < self.ends and request.startswith(self.where)


@dataclass(slots=True)
class Faults:
    """The faults in force; the first that fits a request happens to it."""

    faults: list[Fault] = field(default_factory=list)

    def _add(self, fault: Fault, seconds: float | None) -> Fault:
        if seconds is not None:
            fault.ends = time.monotonic() + seconds
        self.faults.append(fault)
        return fault

    def fail(
        self, status: int = 503, *, where: str = "", times: int | None = None, seconds: float | None = None
    ) -> Fault:
        """Answer with a server error."""
        return self._add(Fault(where, times, status=status), seconds)

    def limit(
        self,
        retry_after: float | None = None,
        *,
        scope: str = "user",
        where: str = "",
        times: int | None = None,
        seconds: float | None = None,
    ) -> Fault:
        """Answer 429.  scope: user, global or shared.  retry_after: as long as the fault lasts unless given."""
        return self._add(Fault(where, times, status=429, retry_after=retry_after, scope=scope), seconds)

    def slow(
        self,
        delay: float,
        *,
        after: bool = False,
        where: str = "",
        times: int | None = None,
        seconds: float | None = None,
    ) -> Fault:
        """Wait before the effect; `after`: between the effect and the answer."""
        return self._add(Fault(where, times, delay=0 if after else delay, lag=delay if after else 0), seconds)

    def cut(
        self, *, after: bool = False, where: str = "", times: int | None = None, seconds: float | None = None
    ) -> Fault:
        """Close the connection without an answer, before the effect or `after` it."""
        return self._add(Fault(where, times, cut="after" if after else "before"), seconds)

    def wait(self, fault: Fault) -> float:
        """Seconds that a 429 asks to wait."""
        if fault.retry_after is not None:
            return fault.retry_after
        return max(0.0, fault.ends - time.monotonic()) if fault.ends < float("inf") else 1.0

    def clear(self) -> None:
        """No more faults."""
        self.faults.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """The fault that happens to this request, counted."""
        if not self.faults:
            return None
        now, request = time.monotonic(), f"{method} {path}"
        for fault in self.faults:
            if fault.fits(request, now):
                fault.hits += 1
                if fault.times is not None:
                    fault.times -= 1
                return fault
        self.faults = [fault for fault in self.faults if now < fault.ends and fault.times != 0]
        return None
