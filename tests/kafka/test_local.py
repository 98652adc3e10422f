import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from infra.kafka import RunningBroker, local, start_broker
from infra.kafka.ports import free_port, is_free
from infra.kafka.topics import cluster_id, create_topics
from schemas.errors import BrokerUnavailableError
from schemas.topics import LEARNER_STATE

pytestmark = pytest.mark.kafka


def _start(**options) -> RunningBroker:
    return start_broker(how="local", progress=lambda _: None, **options)


def _await_gone(*pids: int) -> None:
    deadline = time.monotonic() + 60
    while any(psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in pids):
        assert time.monotonic() < deadline, f"still alive: {pids}"
        time.sleep(0.02)


async def _append(servers: str, value: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=servers, acks="all", max_request_size=1 << 25) as producer:
        await producer.send_and_wait("learner-state", value, key=b"key", partition=0)


async def _values(servers: str, count: int) -> list[bytes]:
    options = {"max_partition_fetch_bytes": 1 << 25, "fetch_max_bytes": 1 << 26}
    async with AIOKafkaConsumer(bootstrap_servers=servers, **options) as consumer:
        partition = TopicPartition("learner-state", 0)
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        return [(await consumer.getone()).value for _ in range(count)]


async def test_named_directory_keeps_data(tmp_path):
    """Records and the cluster's id survive SIGKILL with a restart, and a clean stop with a new start, the largest
    state record included; a second broker on the same directory is refused meanwhile; nothing is left running."""
    data = tmp_path / "data"
    large = os.urandom(LEARNER_STATE.max_message_bytes - 1024)
    with _start(data_dir=data) as broker:
        servers, first = broker.bootstrap_servers, broker.pid
        await create_topics(servers)
        identity = await cluster_id(servers)
        await _append(servers, large)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(local, "_LOCK_TIMEOUT_SECONDS", 0.1)
            with pytest.raises(BrokerUnavailableError, match=r"Another broker uses .*data"):
                _start(data_dir=data)
        broker.kill()
        assert not psutil.pid_exists(first)
        broker.restart()
        assert broker.bootstrap_servers == servers
        assert await cluster_id(servers) == identity
        await _append(servers, b"second")
        second = broker.pid
    assert not psutil.pid_exists(second)
    with _start(data_dir=data) as broker:
        assert await cluster_id(broker.bootstrap_servers) == identity
        assert await _values(broker.bootstrap_servers, 2) == [large, b"second"]
        broker.stop()
        broker.stop()
        with pytest.raises(BrokerUnavailableError, match="was stopped"):
            broker.restart()
    assert (data / "kafka" / "meta.properties").exists()


def test_taken_port_is_named(tmp_path):
    """A port on which something listens is refused with the ways out, before anything is started."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(BrokerUnavailableError, match=rf"Port {port} .* is taken by another program"):
            _start(port=port, data_dir=tmp_path)


def test_data_directory_that_is_a_file_is_explained(tmp_path):
    """A path that cannot be a directory gets a sentence with the path."""
    (tmp_path / "file").write_text("")
    with pytest.raises(BrokerUnavailableError, match=r"cannot be started on .*file"):
        _start(data_dir=tmp_path / "file")


@pytest.mark.parametrize(
    ("attribute", "options", "said"),
    [("_JVM", ("-Xmx1k",), "maximum heap"), ("_FORMAT_JVM", ("-XX:NoSuchOption",), "NoSuchOption")],
)
def test_java_that_cannot_start_shows_its_words(attribute, options, said, tmp_path, monkeypatch):
    """When Java ends at once, while formatting or starting, the error carries the end of what it said."""
    monkeypatch.setattr(local, attribute, options)
    with pytest.raises(BrokerUnavailableError, match=said):
        _start(data_dir=tmp_path)


def test_failed_start_leaves_no_temporary_directory(monkeypatch, tmp_path):
    """A start that fails removes the temporary data it had made."""
    monkeypatch.setattr(local, "_JVM", ("-Xmx1k",))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(BrokerUnavailableError):
        _start()
    assert list(tmp_path.iterdir()) == []


_OWNER = """
import threading, time, sys
from infra.kafka import start_broker
started = []
thread = threading.Thread(target=lambda: started.append(start_broker(how="local", progress=lambda _: None)))
thread.start()
thread.join()  # the thread that forked has ended; its broker must go on
print(started[0].pid, started[0].bootstrap_servers, started[0].data_dir, flush=True)
time.sleep(600)
"""


def test_killed_owner_takes_the_broker_along():
    """A broker outlives the thread that started it, but not its process: SIGKILL that, and the broker, the small
    process that watches it, and the temporary data are gone."""
    owner = subprocess.Popen([sys.executable, "-c", _OWNER], stdout=subprocess.PIPE, text=True)
    try:
        pid, servers, directory = owner.stdout.readline().split()
        watcher = psutil.Process(int(pid)).ppid()
        assert watcher != owner.pid
        socket.create_connection(("127.0.0.1", int(servers.rpartition(":")[2])), 5).close()
    finally:
        owner.kill()
        owner.wait()
        owner.stdout.close()
    _await_gone(int(pid), watcher)
    assert not Path(directory).exists()


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_killed_watcher_takes_the_program_along(tmp_path):
    """Even SIGKILL of the process that watches leaves nothing running."""
    command = [
        sys.executable,
        "-I",
        "-S",
        str(local._LIFELINE),
        "--",
        sys.executable,
        "-c",
        "import time; time.sleep(600)",
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as watcher:
        pid = int(watcher.stdout.readline().split()[1])
        watcher.send_signal(signal.SIGKILL)
    _await_gone(pid)


def test_free_port_is_free_and_below_the_ephemeral_range():
    """What `free_port` gives can be listened on, and is not a port the system hands to outgoing connections."""
    port = free_port()
    assert is_free(port)
    assert port < 32_768
    with socket.create_server(("127.0.0.1", port)):
        assert not is_free(port)
