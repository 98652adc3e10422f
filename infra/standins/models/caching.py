"""What a provider has of earlier requests that began the same, and charges less for."""

import hashlib
from collections.abc import Sequence

from msgspec.structs import replace

from producers.providers import Usage

from .reply import Turn, request_tokens

#: Both OpenAI and Anthropic cache beginnings of this many tokens or more (Anthropic: of most models).
LEAST_TOKENS = 1024
_MOST_KEPT = 10_000


class Cache:
    """Beginnings of requests, at the boundaries of turns; the oldest are forgotten."""

    def __init__(self) -> None:
        self._kept: dict[bytes, None] = {}

    def charge(self, model: str, turns: Sequence[Turn], usage: Usage) -> Usage:
        """The same usage with what was read from the cache and what was written to it."""
        if usage.input_tokens < LEAST_TOKENS:
            return usage
        digest = hashlib.blake2b(model.encode(), digest_size=16)
        cached = 0
        for count, turn in enumerate(turns, 1):
            digest.update(f"\0{turn.role}\0{turn.text}".encode())
            tokens = request_tokens(turns[:count])
            if tokens < LEAST_TOKENS:
                continue
            if digest.digest() in self._kept:
                cached = tokens
            self._kept[digest.digest()] = None
        while len(self._kept) > _MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        cached = min(cached, usage.input_tokens)
        return replace(usage, cached_tokens=cached, written_tokens=usage.input_tokens - cached)
