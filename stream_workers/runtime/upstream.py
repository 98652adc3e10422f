"""How methods of pinned libraries are exchanged in part: tests/runtime/test_upstream.py holds their source."""

import types
from typing import Any

from aiokafka.consumer.fetcher import Fetcher


def seeing(method: Any, **names: Any) -> Any:
    """The same method, for whom some of its module's names mean something else."""
    return types.FunctionType(
        method.__code__, {**method.__globals__, **names}, method.__name__, method.__defaults__, method.__closure__
    )


def use_fetcher(consumer: Any, kind: type[Fetcher]) -> None:
    """Let a consumer that was just started fetch by this kind of fetcher."""
    assert type(consumer._fetcher) is Fetcher
    consumer._fetcher.__class__ = kind
