"""What a protocol has to do: turn a request into a stream of what the model says."""

from collections.abc import AsyncIterator
from typing import Protocol

from msgspec import Struct

from .answer import Request, Usage
from .catalogue import Model


class Ending(Struct, frozen=True):
    """The model has ended.  refused: it would not say this (a filter); otherwise it is done or has no room left."""

    refused: bool


class Thought(Struct, frozen=True):
    """The model thinks aloud: nobody reads it, and it is charged as output."""

    characters: int


#: A piece of text, a thought, what was used so far (cumulative; the last one counts), or the end.
Said = str | Thought | Usage | Ending


class Endpoint(Protocol):
    """One provider, by the protocol it speaks."""

    def ask(self, model: Model, request: Request) -> AsyncIterator[Said]:
        """Ask once, without retries.  `Failure`: it did not go well.  Closing the iterator cancels the request."""
        ...

    async def check(self) -> frozenset[str]:
        """Names of the models that the key may use, without generating; empty: it does not say.  `Failure`: none."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...
