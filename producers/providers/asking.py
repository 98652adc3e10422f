"""One model being asked until it begins to answer: tries, pauses between them, and how each ended."""

from collections.abc import Callable

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_random_exponential

from .answer import Attempt, Request, Usage
from .breaker import Breaker
from .call import Call
from .catalogue import Model
from .endpoint import Endpoint
from .failure import Failure
from .pulse import Pulse
from .throttle import Throttle

_log = structlog.get_logger(__name__)
_JITTER = wait_random_exponential(multiplier=0.25, max=2.0)


class Asking:
    """An arm and what it takes to ask it.  on_attempt: called with every attempt when it has ended."""

    def __init__(
        self,
        arm: str,
        model: Model,
        endpoint: Endpoint,
        breaker: Breaker,
        throttle: Throttle,
        pulse: Pulse,
        on_attempt: Callable[[Attempt], None],
    ) -> None:
        self.arm = arm
        self._model = model
        self._endpoint = endpoint
        self._breaker = breaker
        self._throttle = throttle
        self._pulse = pulse
        self._on_attempt = on_attempt
        self._call: Call | None = None

    async def begin(self, request: Request) -> str:
        """The first piece of an answer, after as many tries as the catalogue allows; `Failure`: there is none."""
        try:
            return await self._try(request)
        except Failure as failure:
            if not failure.retry:
                raise
            first = [failure]  # the first try is made without what follows, which costs and few requests need
        retrying = AsyncRetrying(
            stop=self._enough,
            wait=_pause,
            retry=retry_if_exception(lambda error: isinstance(error, Failure) and error.retry),
            reraise=True,
        )
        async for attempt in retrying:
            with attempt:
                if first:
                    raise first.pop()
                return await self._try(request)
        raise AssertionError("tenacity returns or raises")

    async def next(self) -> str | None:
        """The next piece; None: complete.  `Failure`: cut."""
        assert self._call is not None
        try:
            return await self._call.next()
        finally:
            self._note()

    async def cancel(self, why: str, *, overtaken: bool = False) -> None:
        """Stop, whatever it is doing.  overtaken: another that was asked as well spoke first."""
        if self._call is not None:
            await self._call.cancel(why, overtaken=overtaken)
            self._note()

    async def _try(self, request: Request) -> str:
        permit = self._breaker.enter()
        if permit is None:
            failure = Failure("refused", f"not asked: the circuit breaker is {self._breaker.state}", healthy=True)
            self._on_attempt(Attempt(self.arm, "refused", failure.detail, Usage(0, 0), 0.0, 0.0, None))
            raise failure
        self._call = Call(self.arm, self._model, self._endpoint, permit, request, self._pulse)
        piece = await self.next()
        assert piece is not None  # an empty answer is a failure
        return piece

    def _note(self) -> None:
        """Hand on how the call ended, once it has."""
        if self._call is None or self._call.attempt is None:
            return
        attempt, self._call = self._call.attempt, None
        if attempt.how not in ("answered", "cancelled"):
            _log.warning(
                "model did not answer", arm=attempt.arm, how=attempt.how, why=attempt.detail, ms=round(attempt.ms)
            )
        self._on_attempt(attempt)

    def _enough(self, state: RetryCallState) -> bool:
        failure = state.outcome.exception() if state.outcome is not None else None
        limits = self._model.limits
        too_long = isinstance(failure, Failure) and (failure.retry_after_s or 0.0) > limits.retry_within_s
        return too_long or state.attempt_number > limits.retries or not self._throttle.draw()


def _pause(state: RetryCallState) -> float:
    """Random and growing, after what the provider asked for: many who failed at once must not come back at once."""
    failure = state.outcome.exception() if state.outcome is not None else None
    after = failure.retry_after_s if isinstance(failure, Failure) else None
    return (after or 0.0) + _JITTER(state)
