"""The event loop that workers run on."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import uvloop


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine on uvloop, and every loop that is made meanwhile: Faust's consumer has a thread with its own."""
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(main)
