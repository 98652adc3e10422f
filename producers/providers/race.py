"""An answer on its way: a model is asked, the next of the ranking if it fails or takes too long to begin."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from types import TracebackType
from typing import Final, Self

from .answer import Answer, Attempt, Request, Unanswered
from .asking import Asking
from .failure import Failure

_AT_ONCE: Final = 2  # more would be charged for than is likely to help


class Race:
    """A `Stream`.  make: what it takes to ask an arm; hedge_after: seconds until the next is asked as well, by arm;
    hedge: whether that may be done now.

    refused: arms of the ranking that can not take this request now, with the reason; they are not asked, and that is
    recorded as an attempt.
    """

    def __init__(
        self,
        ranking: Sequence[str],
        request: Request,
        make: Callable[[str, Callable[[Attempt], None]], Asking],
        hedge_after: Callable[[str], float | None],
        on_attempt: Callable[[Attempt], None],
        hedge: Callable[[], bool],
        on_hedge: Callable[[str], None],
        on_unanswered: Callable[[], None],
        refused: Sequence[Attempt],
    ) -> None:
        self._request = request
        self._make = make
        self._hedge_after = hedge_after
        self._on_attempt = on_attempt
        self._hedge = hedge
        self._on_hedge = on_hedge
        self._on_unanswered = on_unanswered
        self._attempts: list[Attempt] = []
        self._waiting = list(ranking)
        self._beginning: dict[asyncio.Task[str], Asking] = {}
        self._speaking: Asking | None = None
        self._pieces_so_far: list[str] = []
        self._answer: Answer | None = None
        self._restarts = 0
        for attempt in refused:
            self._attempted(attempt)

    @property
    def restarts(self) -> int:
        """As `Stream.restarts`."""
        return self._restarts

    @property
    def answer(self) -> Answer:
        """As `Stream.answer`."""
        if self._answer is None:
            raise RuntimeError("the answer has not ended: read the pieces of the stream first")
        return self._answer

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """As `Stream.attempts`."""
        return tuple(self._attempts)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._stop_beginning("nobody wants the answer any more", overtaken=False)
        if self._speaking is not None:
            await self._speaking.cancel("nobody wants the answer any more")
            self._speaking = None

    def __aiter__(self) -> AsyncIterator[str]:
        return self._pieces()

    async def _pieces(self) -> AsyncIterator[str]:
        while True:
            piece: str | None = await self._first_to_speak()
            assert self._speaking is not None
            self._pieces_so_far.clear()
            try:
                while piece is not None:
                    self._pieces_so_far.append(piece)
                    yield piece
                    piece = await self._speaking.next()
            except Failure:
                self._speaking = None
                if not self._waiting:
                    raise self._unanswered() from None
                self._restarts += 1
                continue
            self._answer = Answer(self._speaking.arm, "".join(self._pieces_so_far), self.attempts)
            self._speaking = None
            return

    async def _first_to_speak(self) -> str:
        """Ask until somebody says something; who it is speaks from now on."""
        while True:
            if not self._beginning:
                if not self._waiting:
                    raise self._unanswered()
                self._ask_next()
            done, _ = await asyncio.wait(self._beginning, timeout=self._patience(), return_when=asyncio.FIRST_COMPLETED)
            if not done and self._hedge():
                self._on_hedge(self._ask_next())
            # In the order in which they were asked: of two that spoke at once the better ranked is taken.
            for task in [each for each in self._beginning if each in done]:
                if self._speaking is not None:
                    break
                asking = self._beginning.pop(task)
                error = task.exception()
                if error is None:
                    self._speaking = asking
                    first = task.result()
                elif not isinstance(error, Failure):
                    raise error
            if self._speaking is not None:
                await self._stop_beginning(f"{self._speaking.arm} spoke first", overtaken=True)
                return first

    def _patience(self) -> float | None:
        """How long to wait for those being asked before another is; None: until one of them has done something."""
        if not self._waiting or len(self._beginning) >= _AT_ONCE:
            return None
        *_, latest = self._beginning.values()
        return self._hedge_after(latest.arm)

    def _ask_next(self) -> str:
        arm = self._waiting.pop(0)
        asking = self._make(arm, self._attempted)
        self._beginning[asyncio.create_task(asking.begin(self._request))] = asking
        return arm

    async def _stop_beginning(self, why: str, *, overtaken: bool) -> None:
        """Cancel those that have not spoken.  They may be asked again: nothing was wrong with them but their pace."""
        for task in self._beginning:
            task.cancel()
        while self._beginning:
            task, asking = self._beginning.popitem()
            await asyncio.wait([task])
            await asking.cancel(why, overtaken=overtaken)
            failed = not task.cancelled() and task.exception() is not None
            if overtaken and not failed:
                self._waiting.insert(0, asking.arm)

    def _attempted(self, attempt: Attempt) -> None:
        self._attempts.append(attempt)
        self._on_attempt(attempt)

    def _unanswered(self) -> Unanswered:
        self._on_unanswered()
        tried = ", ".join(f"{each.arm} ({each.how}: {each.detail})" for each in self._attempts)
        text = f"no model answered: {tried or 'there is none to ask'}"
        return Unanswered(text, self.attempts, "".join(self._pieces_so_far))
