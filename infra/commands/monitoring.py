"""`croupier monitoring`: the files of Prometheus, Alertmanager and Grafana, and the process that they ask."""

from pathlib import Path
from typing import Annotated

import typer

from infra.connection import bootstrap_servers, home

from .exits import explained, run
from .options import Bootstrap, Prefix
from .printing import print_json, say

app = typer.Typer(help="Prometheus, its alerts, Alertmanager and Grafana for this deployment.", no_args_is_help=True)


@app.command()
def targets(prefix: Prefix = "") -> None:
    """Print where the processes of this machine serve /metrics, as Prometheus' file_sd and http_sd have it."""
    from infra.monitoring.targets import targets as found

    print_json(found(home() / "run", prefix))


@app.command()
def serve(
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    host: Annotated[str, typer.Option("--host", envvar="CROUPIER_HTTP_HOST", help="Where it listens.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", envvar="CROUPIER_HTTP_PORT", help="Its port.")] = 9464,
    targets_file: Annotated[
        Path | None,
        typer.Option("--targets", envvar="CROUPIER_TARGETS", help="What was promised; else examples/targets.toml."),
    ] = None,
    interval: Annotated[float, typer.Option("--interval", min=0.1, help="Seconds between looks at the broker.")] = 5.0,
) -> None:
    """Tell Prometheus what no worker knows: where processes are, lag, targets and budgets."""
    from infra.kpis.targets import EXAMPLE, read_targets
    from infra.logs import configure_logs
    from infra.monitoring.monitor import Monitor
    from infra.monitoring.serving import serve as served

    configure_logs("monitor")

    async def until_told() -> None:
        monitor = Monitor(
            bootstrap_servers(bootstrap), prefix, read_targets(targets_file or EXAMPLE), interval=interval
        )
        await served(monitor, home() / "run", prefix, host, port)

    with explained(as_json=False):
        run(until_told())


@app.command()
def write(
    directory: Annotated[Path, typer.Argument(help="Where the files go; made if it is not there.")],
    discord: Annotated[
        str,
        typer.Option(
            "--discord-webhook",
            envvar="CROUPIER_ALERTS_WEBHOOK",
            help="Of the channel that is told (its settings: Integrations).",
        ),
    ],
    tickets: Annotated[
        str | None,
        typer.Option("--tickets-webhook", envvar="CROUPIER_TICKETS_WEBHOOK", help="Of another channel, for tickets."),
    ] = None,
    watchdog: Annotated[
        str | None, typer.Option("--watchdog", envvar="CROUPIER_WATCHDOG_URL", help="URL of a dead man's switch.")
    ] = None,
    compose: Annotated[
        bool, typer.Option("--compose", help="For docker-compose.yml: processes are containers.")
    ] = False,
) -> None:
    """Write prometheus.yml, rules.yml, alertmanager.yml and Grafana's dashboards."""
    from infra.monitoring.files import write_files

    for path in write_files(directory, discord, tickets=tickets, watchdog=watchdog, compose=compose):
        say(str(path))
