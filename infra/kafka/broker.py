"""Where Kafka comes from: the environment, Docker, or a broker on this machine's JVM, in that order."""

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from schemas.errors import BrokerUnavailableError

from . import container, probe
from .local import LocalBroker
from .progress import Progress, to_stderr
from .settings import Listener

VARIABLE = "KAFKA_BOOTSTRAP_SERVERS"
How = Literal["environment", "docker", "local"]


@dataclass
class RunningBroker:
    """A Kafka to talk to.  What we started, `stop` (or the end of our process, whatever its manner) ends."""

    bootstrap_servers: str
    how: How
    data_dir: Path | None = None  # local only
    pid: int | None = None  # local only
    _local: LocalBroker | None = field(default=None, repr=False)
    _close: Callable[[], None] | None = field(default=None, repr=False)

    def stop(self) -> None:
        """Stop it cleanly; temporary data are removed.  Again is harmless, and one from the environment is let be."""
        close, self._close = self._close, None
        self.pid = None
        if close is not None:
            close()

    def kill(self) -> None:
        """End the broker by SIGKILL, keeping its data, as a fault would.  Local only."""
        self._owned("killed").kill()
        self.pid = None

    def restart(self) -> None:
        """Stop the broker if it runs and start it on the same data and port.  Local only."""
        local = self._owned("restarted")
        local.stop()
        local.start()
        self.pid = local.pid

    def _owned(self, what: str) -> LocalBroker:
        if self._local is None:
            raise BrokerUnavailableError(f"Only a broker on this machine's JVM can be {what}; this one is: {self.how}")
        if self._close is None:
            raise BrokerUnavailableError(f"The broker was stopped and cannot be {what}; start another")
        return self._local

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()


def start_broker(
    *,
    data_dir: Path | None = None,
    port: int | None = None,
    how: Literal["auto", "local", "docker"] = "auto",
    progress: Progress = to_stderr,
    listeners: Sequence[Listener] = (),
    environment: Mapping[str, str] = os.environ,
) -> RunningBroker:
    """A Kafka that answers, found or started; `progress` hears every step.

    data_dir: keeps the data between runs (None: a temporary directory, removed at stop).  port: on 127.0.0.1 (None: a
    free one).  listeners: further ports.  All three are for a broker started here.  BrokerUnavailableError: none can be
    had, and what to do.
    """
    servers = environment.get(VARIABLE, "").strip()
    if how == "auto" and servers:
        return _from_environment(servers, progress)
    if how == "docker" or (how == "auto" and container.engine_answers(progress)):
        return _from_docker(port, data_dir, progress)
    if how == "auto":
        progress(f"{VARIABLE} is not set and no Docker engine answers: starting Kafka on this machine's JVM")
    return _from_jvm(data_dir, port, progress, listeners)


def _from_environment(servers: str, progress: Progress) -> RunningBroker:
    progress(f"Using the Kafka of {VARIABLE}: {servers}")
    failures = []
    for server in servers.split(","):
        host, _, number = server.strip().rpartition(":")
        if not host or not number.isdigit() or not 0 < int(number) < 65536:
            raise BrokerUnavailableError(f"{VARIABLE} has {server!r}; expected host:port[,host:port...]")
        try:
            answer = probe.ask(host.strip("[]"), int(number))
        except (OSError, ValueError) as error:
            failures.append(f"{server.strip()}: {error}")
            continue
        if answer.brokers:
            progress(f"Kafka cluster {answer.cluster_id} answers ({answer.brokers} brokers)")
            return RunningBroker(servers, "environment")
        failures.append(f"{server.strip()}: has no broker that is ready")
    raise BrokerUnavailableError(
        f"No Kafka answers at {VARIABLE}={servers} ({'; '.join(failures)}). Start it, mend the address, or unset "
        f"{VARIABLE} to have one started here."
    )


def _from_docker(port: int | None, data_dir: Path | None, progress: Progress) -> RunningBroker:
    if data_dir is not None:
        progress(f"In Docker data live in a volume of the container: {data_dir} is not used")
    running = container.start(port, progress)
    return RunningBroker(running.bootstrap_servers, "docker", _close=running.stop)


def _from_jvm(
    data_dir: Path | None, port: int | None, progress: Progress, listeners: Sequence[Listener]
) -> RunningBroker:
    temporary = data_dir is None
    directory = (
        Path(tempfile.mkdtemp(prefix="croupier-kafka-")) if data_dir is None else data_dir.expanduser().resolve()
    )
    local = LocalBroker(directory, port, progress, temporary=temporary, listeners=listeners)

    def close() -> None:
        local.stop()
        if temporary:
            shutil.rmtree(directory, ignore_errors=True)

    try:
        local.start()
    except BaseException:
        close()
        raise
    return RunningBroker(f"127.0.0.1:{local.port}", "local", directory, local.pid, _local=local, _close=close)
