"""What is asked of models, and what comes back, whichever provider answers."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Literal, Protocol

from msgspec import Struct

from schemas.errors import CroupierError


class Message(Struct, frozen=True):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str
    images: tuple[str, ...] = ()  # addresses


class Request(Struct, frozen=True):
    """What is asked.  needs: capabilities that a model must have (`catalogue`)."""

    messages: tuple[Message, ...]
    max_output_tokens: int = 1024
    needs: frozenset[str] = frozenset()


class Usage(Struct, frozen=True):
    """Tokens, as the provider reports them; estimated: it did not (a stream that was cancelled or cut)."""

    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0  # of the input: read from the provider's cache
    estimated: bool = False
    written_tokens: int = 0  # of the input: written to the provider's cache


class Attempt(Struct, frozen=True):
    """One model that was asked once; a model that was asked again has another.

    `refused`: it would not answer this (content, length), or was not asked because it can not answer now.  `cancelled`:
    another that was asked later spoke first, or nobody wants the answer any more.
    """

    arm: str
    how: Literal["answered", "timeout", "rate-limited", "failed", "cut", "cancelled", "refused"]
    detail: str
    usage: Usage
    cost_usd: float
    ms: float
    first_token_ms: float | None


class Answer(Struct, frozen=True):
    """A stream that has ended well."""

    arm: str  # that answered: not the first of the ranking if that one failed
    text: str
    attempts: tuple[Attempt, ...]  # all that were asked, in the order in which they ended; the last answered

    @property
    def cost_usd(self) -> float:
        """Of all attempts: whoever was asked is paid."""
        return sum(each.cost_usd for each in self.attempts)

    @property
    def fell_back(self) -> bool:
        """Another model than the one decided for answered."""
        return len({each.arm for each in self.attempts}) > 1


class Unanswered(CroupierError):  # noqa: N818 - what it is, not that it is one
    """No model of the ranking answered."""

    def __init__(self, text: str, attempts: tuple[Attempt, ...] = (), partial: str = "") -> None:
        """partial: what had come before the stream was cut, if anything."""
        super().__init__(text)
        self.attempts = attempts
        self.partial = partial


class Stream(Protocol):
    """An answer on its way: pieces of text, then `answer`."""

    def __aiter__(self) -> AsyncIterator[str]:
        """Pieces in order.  After a fallback in mid-answer it begins anew: `restarts` has grown."""
        ...

    @property
    def restarts(self) -> int:
        """How often what came so far was withdrawn, because the model failed and another began."""
        ...

    @property
    def answer(self) -> Answer:
        """When the pieces have ended."""
        ...

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """So far; complete when the context was left, also by cancellation."""
        ...


class Answering(Protocol):
    """All models of a catalogue."""

    def restrictions(self, arms: Sequence[str], request: Request) -> dict[str, str]:
        """Which of these can not take this request now, and why: arm -> reason (a short name, docs/providers.md)."""
        ...

    def stream(self, ranking: Sequence[str], request: Request) -> AbstractAsyncContextManager[Stream]:
        """Ask the first, and the next ones if it fails.  Unanswered: none did (raised while iterating)."""
        ...
