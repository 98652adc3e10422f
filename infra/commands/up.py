"""`croupier up`: everything on this machine, until Ctrl-C."""

import asyncio
import logging
import signal
from pathlib import Path
from typing import Annotated

import typer

from infra.commands.options import Prefix
from infra.commands.printing import say
from infra.connection import home
from schemas.topics import DEFAULT_PARTITIONS


def up(
    prefix: Prefix = "",
    workers: Annotated[int, typer.Option("--workers", min=1, help="Worker processes.")] = 2,
    partitions: Annotated[
        int, typer.Option("--partitions", help="Of each keyed topic, when they are created: a power of two.")
    ] = DEFAULT_PARTITIONS,
    data_dir: Annotated[
        Path | None,
        typer.Option("--data-dir", help="Where a Kafka started here keeps its data; else .croupier/kafka."),
    ] = None,
    port: Annotated[int | None, typer.Option("--port", help="Port of a Kafka started here; else a free one.")] = None,
    domains: Annotated[Path | None, typer.Option("--domains", help="Domain file to apply at start.")] = None,
) -> None:
    """Start Kafka if there is none, topics, workers and analytics; bring back what dies; stop all on Ctrl-C."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what matters of it is in our errors
    asyncio.run(_up(prefix, workers, partitions, data_dir, port, domains))


async def _up(
    prefix: str, workers: int, partitions: int, data_dir: Path | None, port: int | None, domains: Path | None
) -> None:
    from infra.domains.file import read_domains
    from infra.domains.publish import apply_specs
    from infra.local import deployment, local_broker

    specs = [] if domains is None else read_domains(domains)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, stop.set)
    here = home()
    with local_broker(here, say, data_dir=data_dir or here / "kafka", port=port) as broker:
        async with deployment(broker, here, say, prefix=prefix, workers=workers, partitions=partitions):
            if specs:
                await apply_specs(broker.bootstrap_servers, prefix, specs)
                say(f"applied {len(specs)} domains of {domains}")
            say(f"Kafka {broker.bootstrap_servers} ({broker.how}); {workers} workers and analytics")
            say(f"logs are in {here / 'logs'}")
            say("`croupier status` says how it is; Ctrl-C stops everything")
            await stop.wait()
            say("stopping")
