"""Local models in a process of their own: `python -m infra.standins.models`.

The first line that it prints is its address.  It ends with SIGINT or SIGTERM.
"""

import argparse
import sys
from pathlib import Path

import uvloop

from producers.providers import read_catalogue

from ..processes import told_to_end
from .catalogues import contexts
from .recorded import recordings
from .server import ModelServer


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(prog="python -m infra.standins.models", description=__doc__.split("\n")[0])
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1; any that is free unless given")
    parser.add_argument("--catalogue", type=Path, help="serve the models of this file; the recorded ones unless given")
    parser.add_argument("--first-token", type=float, default=0.0, metavar="SECONDS", help="until an answer begins")
    parser.add_argument("--between", type=float, default=0.0, metavar="SECONDS", help="between two pieces of it")
    parser.add_argument("--until-input-ends", action="store_true", help="end with standard input, too")
    uvloop.run(_run(parser.parse_args()))


async def _run(options: argparse.Namespace) -> None:
    recordings()  # the first request shall not wait for it
    models = contexts(read_catalogue(options.catalogue).models) if options.catalogue else None
    server = ModelServer(models, first_token_s=options.first_token, between_s=options.between, port=options.port)
    async with server:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        await told_to_end(or_input_ends=options.until_input_ends)


if __name__ == "__main__":
    main()
