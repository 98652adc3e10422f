"""One model being asked once: timed, and accounted for however it ends."""

import asyncio
from collections.abc import AsyncIterator

from .answer import Attempt, Request, Usage
from .breaker import Permit
from .catalogue import Model
from .endpoint import Endpoint, Said, Thought
from .estimate import completed
from .failure import Failure
from .prices import cost_usd
from .pulse import Pulse

_NOTHING = Usage(0, 0)
#: A process that was late for so much of a call's time has too much to do itself, and does not blame the model.
_LATE = 0.2


class Call:
    """From the request to the end of the stream; `attempt` says how it ended, once it has."""

    def __init__(
        self,
        arm: str,
        model: Model,
        endpoint: Endpoint,
        permit: Permit,
        request: Request,
        pulse: Pulse,
    ) -> None:
        self.arm = arm
        self.attempt: Attempt | None = None
        self._model = model
        self._request = request
        self._permit = permit
        self._pulse = pulse
        self._late_before_s = pulse.late_s
        self._clock = asyncio.get_running_loop().time
        self._started = self._clock()
        self._stream: AsyncIterator[Said] = endpoint.ask(model, request)
        self._first_token: float | None = None
        self._characters = 0  # of the answer
        self._thought = 0  # of what came before it
        self._reported: Usage | None = None
        self._ended = False

    async def next(self) -> str | None:
        """The next piece of text; None: the answer is complete.  `Failure`: it is not, and `attempt` says why."""
        try:
            async with asyncio.timeout_at(self._deadline()):
                piece = await self._piece()
        except TimeoutError:
            failure = Failure("timeout", self._what_was_late(), retry=self._first_token is None, charged=True)
            await self._failed(failure)
            raise failure from None
        except Failure as failure:
            await self._failed(failure)
            raise
        if piece is None:
            self._permit.succeeded()
            await self._finish("answered", "", self._used())
        return piece

    async def cancel(self, why: str, *, overtaken: bool = False) -> None:
        """Stop.  It is charged for what came, and for the request.

        overtaken: another spoke first; if this one has been silent for its `hedge_after_s`, that counts as a failure:
        a model that hangs is always overtaken, and its breaker has to open.
        """
        if self.attempt is not None:
            return
        patience = self._model.limits.hedge_after_s
        silent = self._first_token is None and patience is not None and self._clock() >= self._started + patience
        if overtaken and silent and not self._late():
            self._permit.failed()
        else:
            self._permit.left()
        await self._finish("cancelled", why, self._used())

    async def _piece(self) -> str | None:
        async for said in self._stream:
            if isinstance(said, str):
                if self._first_token is None:
                    self._first_token = self._clock()
                self._characters += len(said)
                return said
            if isinstance(said, Usage):
                self._reported = said
            elif isinstance(said, Thought):
                self._thought += said.characters
            elif said.refused and not self._characters:
                raise Failure("refused", "the model's own filter", charged=True, healthy=True)
            else:
                self._ended = True
        if not self._ended:
            raise Failure("failed", "the stream ended before the answer did", retry=True, charged=True)
        if not self._characters:
            raise Failure("failed", "an empty answer", retry=True, charged=True)
        return None

    def _deadline(self) -> float:
        limits = self._model.limits
        total = self._started + limits.total_s
        if self._first_token is None:
            return min(self._started + limits.first_token_s, total)
        return min(self._clock() + limits.between_tokens_s, total)

    def _late(self) -> bool:
        """Whether it is this process that has no time, rather than the model."""
        return self._pulse.late_s - self._late_before_s > _LATE * (self._clock() - self._started)

    def _what_was_late(self) -> str:
        limits = self._model.limits
        if self._clock() >= self._started + limits.total_s:
            return f"not complete after {limits.total_s:g} s"
        if self._first_token is None:
            return f"no first token within {limits.first_token_s:g} s"
        return f"nothing for {limits.between_tokens_s:g} s in mid-answer"

    async def _failed(self, failure: Failure) -> None:
        if failure.healthy:
            self._permit.succeeded()
        elif failure.how == "timeout" and self._late():
            self._permit.left()
        else:
            self._permit.failed(pause_s=failure.retry_after_s, lasting=failure.lasting)
        charged = failure.charged or self._reported is not None or self._characters or self._thought
        usage = self._used() if charged else _NOTHING
        how = "cut" if self._characters and failure.how == "failed" else failure.how
        await self._finish(how, failure.detail, usage)

    def _used(self) -> Usage:
        characters = self._characters + self._thought
        return completed(self._model, self._request, self._reported, characters, ended=self._ended)

    async def _finish(self, how: str, detail: str, usage: Usage) -> None:
        self.attempt = Attempt(
            arm=self.arm,
            how=how,  # type: ignore[arg-type]
            detail=detail,
            usage=usage,
            cost_usd=cost_usd(self._model, usage),
            ms=1000 * (self._clock() - self._started),
            first_token_ms=None if self._first_token is None else 1000 * (self._first_token - self._started),
        )
        close = getattr(self._stream, "aclose", None)
        if close is not None:
            await close()
