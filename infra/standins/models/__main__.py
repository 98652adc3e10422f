"""Local models in a process of their own: `python -m infra.standins.models [--port N]`; ends with SIGINT or SIGTERM."""

import argparse
import asyncio
import signal
import sys

import uvloop

from .recorded import recordings
from .server import ModelServer


async def _serve(arguments: argparse.Namespace) -> None:
    recordings()  # the first request shall not wait for it
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with ModelServer(
        port=arguments.port, first_token_s=arguments.first_token, between_s=arguments.between
    ) as server:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        await stop.wait()


def main() -> None:
    """Print the address in the first line, then serve."""
    parser = argparse.ArgumentParser(prog="python -m infra.standins.models", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--first-token", type=float, default=0.0, metavar="SECONDS", help="until an answer begins")
    parser.add_argument("--between", type=float, default=0.0, metavar="SECONDS", help="between two pieces of it")
    uvloop.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
