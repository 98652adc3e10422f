"""The options that several commands share."""

from typing import Annotated

import typer

from infra.connection import VARIABLE

Bootstrap = Annotated[
    str | None,
    typer.Option("--bootstrap", help=f"Broker HOST:PORT; else ${VARIABLE}, else the local deployment."),
]
Prefix = Annotated[str, typer.Option("--prefix", envvar="CROUPIER_PREFIX", help="Prefix of the deployment's topics.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
HttpHost = Annotated[str, typer.Option("--http-host", envvar="CROUPIER_HTTP_HOST", help="Where /metrics is served.")]
HttpPort = Annotated[int, typer.Option("--http-port", envvar="CROUPIER_HTTP_PORT", help="0: a free port.")]
