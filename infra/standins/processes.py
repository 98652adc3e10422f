"""Stand-ins in processes of their own: started from here, ended from there."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def first_line(module: str, *options: str) -> AsyncIterator[str]:
    """`python -m module --until-input-ends options`, and the first line that it prints, which says where it is.

    Ended with the block or with this process.  RuntimeError when it ends before that line.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        "--until-input-ends",
        *options,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        line = await process.stdout.readline()
        if not line:
            raise RuntimeError(f"{module} ended with status {await process.wait()}; its error is above")
        yield line.decode().strip()
    finally:
        process.stdin.close()
        await process.wait()


async def told_to_end(*, or_input_ends: bool) -> None:
    """Wait for SIGINT or SIGTERM, or for the end of standard input."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    waits: list[asyncio.Task[object]] = [asyncio.create_task(stop.wait())]
    if or_input_ends:
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        waits.append(asyncio.create_task(_end(reader)))
    _, left = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in left:
        wait.cancel()


async def _end(reader: asyncio.StreamReader) -> object:
    return await reader.read()
