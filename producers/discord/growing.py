"""The text of an answer while a model writes it."""

import asyncio
import time
from collections.abc import Sequence

from producers.providers import Attempt, Stream


class Growing:
    """Pieces arrive; whoever shows them waits for `changed`."""

    def __init__(self, header: str) -> None:
        """header: stands above the answer."""
        self._header = header
        self._pieces: list[str] = []
        self._begun = time.monotonic()
        self.changed = asyncio.Event()
        self.first_ms: float | None = None  # until the first piece
        self.attempts: Sequence[Attempt] = ()  # models that were asked, when it has ended

    @property
    def text(self) -> str:
        """So far, with the header; empty while there is nothing of the answer."""
        written = "".join(self._pieces)
        return self._header + written if written.strip() else ""

    async def read(self, stream: Stream) -> None:
        """Take in a stream to its end.  What another model had begun is dropped when the next one begins."""
        restarts = stream.restarts
        try:
            async for piece in stream:
                if stream.restarts != restarts:
                    restarts = stream.restarts
                    self._pieces.clear()
                if self.first_ms is None:
                    self.first_ms = (time.monotonic() - self._begun) * 1_000
                self._pieces.append(piece)
                self.changed.set()
        finally:
            self.changed.set()
