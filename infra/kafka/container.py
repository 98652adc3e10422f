"""Apache Kafka in a container, where a Docker engine answers."""

import contextlib
import time
from dataclasses import dataclass
from typing import Any

from schemas.errors import BrokerUnavailableError

from . import ports, probe
from .progress import Progress
from .settings import image_environment

IMAGE = "apache/kafka:4.0.1"
_PORT = 9092
_ENGINE_TIMEOUT_SECONDS = 5
_START_TIMEOUT_SECONDS = 120.0
_POLL_SECONDS = 0.2


@dataclass
class Container:
    """A running container.  testcontainers' reaper removes it even when our process is killed."""

    bootstrap_servers: str
    _container: Any

    def stop(self) -> None:
        """Stop and remove the container and its volumes."""
        self._container.stop()


def engine_answers(progress: Progress) -> bool:
    """Whether a Docker engine can be used; says why not."""
    import docker  # type: ignore[import-untyped]
    from docker.errors import DockerException  # type: ignore[import-untyped]

    try:
        client = docker.from_env(timeout=_ENGINE_TIMEOUT_SECONDS)
        try:
            client.ping()
        finally:
            client.close()
    except (DockerException, OSError) as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        progress(f"No Docker engine answers ({reason})")
        return False
    return True


def start(port: int | None, progress: Progress) -> Container:
    """Run the image and wait until clients are served at 127.0.0.1:`port` (None: a free one) of the engine's host."""
    from docker.errors import DockerException
    from testcontainers.core.container import DockerContainer

    if port is not None and not ports.is_free(port):
        raise BrokerUnavailableError(f"Port {port} on 127.0.0.1 is taken by another program. Choose another port.")
    port = port or ports.free_port()
    progress(f"Starting {IMAGE} in Docker (the first time, the image of about 400 MB is downloaded)")
    container = None
    try:
        container = DockerContainer(IMAGE)  # which connects to the engine
        host = container.get_container_host_ip()
        host = "127.0.0.1" if host == "localhost" else host
        # The port is chosen here rather than by the engine: the broker must be told the address clients will use.
        # On this machine it is bound to loopback only; an engine elsewhere must be reachable from here.
        container.ports[f"{_PORT}/tcp"] = ("127.0.0.1", port) if host == "127.0.0.1" else port
        for key, value in image_environment(host, port, _PORT).items():
            container.with_env(key, value)
        container.start()
        _wait_until_ready(container, host, port)
    except (DockerException, OSError) as error:
        _discard(container)
        raise BrokerUnavailableError(
            f"Docker cannot run {IMAGE}: {error}. Mend that, or stop Docker to have Kafka started on the JVM."
        ) from error
    except BaseException:
        _discard(container)
        raise
    progress(f"Kafka serves on {host}:{port} (container {container.get_wrapped_container().short_id})")
    return Container(f"{host}:{port}", container)


def _wait_until_ready(container: Any, host: str, port: int) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_SECONDS
    while True:
        try:
            if probe.ask(host, port).brokers >= 1:
                return
        except (OSError, ValueError):
            pass  # not listening yet; the engine's proxy accepts and closes
        wrapped = container.get_wrapped_container()
        wrapped.reload()
        ended = wrapped.status in ("exited", "dead")
        if ended or time.monotonic() > deadline:
            tail = wrapped.logs(tail=30).decode(errors="replace")
            what = "ended while it started" if ended else f"does not answer after {_START_TIMEOUT_SECONDS:.0f} s"
            raise BrokerUnavailableError(f"Kafka in Docker {what}. The end of its log:\n{tail}")
        time.sleep(_POLL_SECONDS)


def _discard(container: Any) -> None:
    if container is None:
        return
    with contextlib.suppress(Exception):  # it may never have been created; the first error is the one to report
        container.stop()
