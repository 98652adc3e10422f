"""`croupier worker` and `croupier analytics`: one process each, until told to stop."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.commands.options import Bootstrap, HttpHost, HttpPort, Prefix
from infra.connection import bootstrap_servers, home
from schemas.joining import EARLY_MS, REMEMBER_MS

if TYPE_CHECKING:
    from stream_workers.topology import Role

StateDir = Annotated[
    Path | None, typer.Option("--state-dir", envvar="CROUPIER_STATE_DIR", help="Local tables; one per process.")
]
Checkpoint = Annotated[
    float,
    typer.Option(
        "--checkpoint-seconds",
        envvar="CROUPIER_CHECKPOINT_SECONDS",
        min=0.05,
        help="Longer: fewer state bytes written. Shorter: less to do again after a crash.",
    ),
]
Session = Annotated[
    float,
    typer.Option(
        "--session-timeout",
        envvar="CROUPIER_SESSION_TIMEOUT",
        min=6.0,
        help="Seconds until a dead worker's partitions move.",
    ),
]
Early = Annotated[
    int, typer.Option("--early-ms", envvar="CROUPIER_EARLY_MS", min=0, help="How long a reward waits for its decision.")
]
Remember = Annotated[
    int,
    typer.Option(
        "--remember-ms", envvar="CROUPIER_REMEMBER_MS", min=0, help="How long past its horizon a decision is known."
    ),
]

StopFile = Annotated[
    Path | None,
    typer.Option(
        "--stop-file",
        envvar="CROUPIER_STOP_FILE",
        hidden=True,
        help="For tests of crashes: see stream_workers/runtime/stop_points.py.",
    ),
]


def worker(
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    state_dir: StateDir = None,
    http_host: HttpHost = "127.0.0.1",
    http_port: HttpPort = 0,
    checkpoint_seconds: Checkpoint = 1.0,
    session_timeout: Session = 10.0,
    early_ms: Early = EARLY_MS,
    remember_ms: Remember = REMEMBER_MS,
    stop_file: StopFile = None,
) -> None:
    """Route, join and learn, for the partitions the group gives to this process."""
    _run("worker", bootstrap, prefix, state_dir, http_host, http_port, checkpoint_seconds, session_timeout,
         early_ms=early_ms, remember_ms=remember_ms, stop_file=stop_file)  # fmt: skip


def analytics(
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    state_dir: StateDir = None,
    http_host: HttpHost = "127.0.0.1",
    http_port: HttpPort = 0,
    checkpoint_seconds: Checkpoint = 1.0,
    session_timeout: Session = 10.0,
    stop_file: StopFile = None,
) -> None:
    """Turn outcomes into KPIs."""
    _run("analytics", bootstrap, prefix, state_dir, http_host, http_port, checkpoint_seconds, session_timeout,
         stop_file=stop_file)  # fmt: skip


def _run(
    role: "Role",
    bootstrap: str | None,
    prefix: str,
    state_dir: Path | None,
    http_host: str,
    http_port: int,
    checkpoint_seconds: float,
    session_timeout: float,
    *,
    early_ms: int = EARLY_MS,
    remember_ms: int = REMEMBER_MS,
    stop_file: Path | None = None,
) -> None:
    from infra.kafka.topics import check_topics
    from infra.logs import configure_logs
    from infra.state_directory import claim_state_directory
    from stream_workers.runtime.loop import run
    from stream_workers.runtime.settings import RuntimeSettings
    from stream_workers.topology import analytics_stages, worker_stages
    from stream_workers.worker import Worker, WorkerSettings

    configure_logs(role)
    servers = bootstrap_servers(bootstrap)
    settings = WorkerSettings(
        RuntimeSettings(
            servers,
            role,
            claim_state_directory(state_dir, home(), role),
            prefix=prefix,
            checkpoint_seconds=checkpoint_seconds,
            session_timeout_seconds=session_timeout,
            stop_file=stop_file,
        ),
        role=role,
        http_host=http_host,
        http_port=http_port,
        announce_dir=home() / "run",
    )

    async def main() -> None:
        await check_topics(servers, prefix=prefix)
        stages = worker_stages(early_ms=early_ms, remember_ms=remember_ms) if role == "worker" else analytics_stages()
        await Worker(stages, settings).run()

    run(main())
