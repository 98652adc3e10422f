"""A local Discord in a process of its own: `python -m infra.standins.discord`.

Prints one line of JSON (api, gateway, control, token, bot) when it is up, and ends with SIGINT or SIGTERM.
"""

import argparse
import sys

import msgspec
import uvloop
from aiohttp import web

from ..processes import told_to_end
from .control import Control
from .rules import Rules
from .server import Discord

LARGE = 1_000_000
"""Requests a second: no limit."""


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(prog="python -m infra.standins.discord", description=__doc__.split("\n")[0])
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1; any that is free unless given")
    parser.add_argument("--shards", type=int, default=1, help="what GET /gateway/bot recommends")
    parser.add_argument("--max-concurrency", type=int, default=16, help="shards that may identify at once")
    parser.add_argument("--identify-window", type=float, default=5.0, metavar="SECONDS", help="between two identifies")
    parser.add_argument("--global-limit", type=int, default=50, help="requests a second; 0 for none")
    parser.add_argument("--keep-messages", type=int, default=200, help="messages a channel remembers")
    parser.add_argument("--keep-requests", type=int, default=20_000, help="requests and messages of the bot remembered")
    parser.add_argument("--until-input-ends", action="store_true", help="end with standard input, too")
    options = parser.parse_args()
    rules = Rules(
        shards=options.shards,
        max_concurrency=options.max_concurrency,
        identify_window=options.identify_window,
        global_per_second=options.global_limit or LARGE,
        keep_messages=options.keep_messages,
        keep_requests=options.keep_requests,
    )
    uvloop.run(_run(rules, options.port, until_input_ends=options.until_input_ends))


async def _run(rules: Rules, port: int, *, until_input_ends: bool) -> None:
    discord = Discord(rules)
    control = Control(discord)

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        told = await control.answer(msgspec.json.decode(await request.read()))
        return web.Response(body=msgspec.json.encode(told), headers={"Content-Type": "application/json"})

    discord.extra["/control"] = answer
    await discord.start(port)
    try:
        told = await control.describe() | {"control": f"http://{discord.address}/control"}
        sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
        sys.stdout.flush()
        await told_to_end(or_input_ends=until_input_ends)
    finally:
        await discord.stop()


if __name__ == "__main__":
    main()
