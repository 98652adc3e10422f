import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from infra.kafka import RunningBroker, broker, container, probe, start_broker
from infra.kafka.ports import free_port
from infra.kafka.settings import MAX_MESSAGE_BYTES, image_environment
from schemas.errors import BrokerUnavailableError
from schemas.topics import ALL


@pytest.fixture
def sources(monkeypatch):
    """Which sources of Kafka were asked, with what; `engine` says whether a Docker engine answers."""

    class Sources:
        def __init__(self) -> None:
            self.engine = False
            self.asked: list[str] = []

        def docker(self, port, _progress):
            self.asked.append(f"docker {port}")
            return container.Container("127.0.0.1:1", None)

        def jvm(self, data_dir, port, _progress, _listeners):
            self.asked.append(f"local {data_dir} {port}")
            return RunningBroker("127.0.0.1:2", "local")

    sources = Sources()
    monkeypatch.setattr(container, "engine_answers", lambda _: sources.engine)
    monkeypatch.setattr(container, "start", sources.docker)
    monkeypatch.setattr(broker, "_from_jvm", sources.jvm)
    return sources


@pytest.mark.parametrize(
    ("how", "engine", "expected"),
    [
        ("auto", True, "docker"),
        ("auto", False, "local"),
        ("local", True, "local"),
        ("docker", False, "docker"),
    ],
)
def test_order_without_environment(sources, how, engine, expected, tmp_path):
    """Without the variable: Docker if an engine answers, else the JVM; a wish for one of them is obeyed."""
    sources.engine = engine
    found = start_broker(how=how, port=7, data_dir=tmp_path, progress=lambda _: None, environment={})
    assert found.how == expected
    assert sources.asked == ["docker 7" if expected == "docker" else f"local {tmp_path} 7"]


@pytest.mark.kafka
def test_environment_goes_first(sources, kafka):
    """A Kafka named in the environment is used, said aloud, and not stopped: it is somebody else's."""
    sources.engine = True
    said: list[str] = []
    dead = f"127.0.0.1:{free_port()}"
    servers = f"{dead}, {kafka.bootstrap_servers}"
    with start_broker(progress=said.append, environment={broker.VARIABLE: servers}) as found:
        assert (found.how, found.bootstrap_servers, found.pid) == ("environment", servers, None)
        with pytest.raises(BrokerUnavailableError, match="Only a broker on this machine's JVM can be killed"):
            found.kill()
    assert sources.asked == []
    assert servers in said[0]
    host, port = kafka.bootstrap_servers.split(":")
    answer = probe.ask(host, int(port))
    assert answer.brokers >= 1
    assert answer.cluster_id in said[1]


def test_explicit_local_ignores_the_environment(sources):
    """Tests of faults ask for a broker of their own and get it, whatever the environment says."""
    start_broker(how="local", progress=lambda _: None, environment={broker.VARIABLE: "127.0.0.1:1"})
    assert sources.asked == ["local None None"]


def test_environment_that_does_not_answer_is_an_error(sources):
    """A named Kafka that is down is not silently replaced by another: the error names it and the ways out."""
    servers = f"127.0.0.1:{free_port()}"
    with pytest.raises(BrokerUnavailableError, match=rf"No Kafka answers at KAFKA_BOOTSTRAP_SERVERS={servers}.*unset"):
        start_broker(progress=lambda _: None, environment={broker.VARIABLE: servers})
    assert sources.asked == []


@pytest.mark.parametrize("servers", ["kafka", "kafka:port", ":9092", "a:1,b", "a:99999"])
def test_environment_that_is_no_address_is_an_error(sources, servers):
    """What is not host:port is refused with what was expected."""
    with pytest.raises(BrokerUnavailableError, match="expected host:port"):
        start_broker(progress=lambda _: None, environment={broker.VARIABLE: servers})


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0\0\0\x0a" + b"\xff" * 10, b"\0\0\0\x0c\0\0\0\x07\0\0\0\x01\0\0\0\x01"],
)
def test_another_service_is_not_taken_for_kafka(answer):
    """Something else that listens on the port is told apart from Kafka, whatever bytes it sends."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1024)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(ValueError, match="answer"):
            probe.ask("127.0.0.1", server.getsockname()[1])
        thread.join()


class _Engine(BaseHTTPRequestHandler):
    """As much of a Docker engine as saying hello takes."""

    def do_GET(self) -> None:
        body = b"OK" if self.path.endswith("/_ping") else json.dumps({"ApiVersion": "1.44"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments) -> None:
        pass


def test_docker_engine_is_recognised(monkeypatch):
    """An engine that answers a ping is one; nobody listening is none, with the reason said."""
    said: list[str] = []
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{free_port()}")
    assert not container.engine_answers(said.append)
    assert said[0].startswith("No Docker engine answers (")
    server = HTTPServer(("127.0.0.1", 0), _Engine)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{server.server_port}")
        assert container.engine_answers(said.append)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert len(said) == 1


def test_docker_that_was_asked_for_and_is_absent_is_an_error(monkeypatch):
    """Who asks for Docker on a machine without an engine gets a sentence, and no other Kafka."""
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{free_port()}")
    with pytest.raises(BrokerUnavailableError, match="Docker cannot run apache/kafka"):
        start_broker(how="docker", progress=lambda _: None)


def test_image_is_told_the_clients_address():
    """In a container the broker listens on its own port and advertises the one clients use; limits hold every topic."""
    environment = image_environment("127.0.0.1", 23456, 9092)
    assert environment["KAFKA_ADVERTISED_LISTENERS"] == "PLAINTEXT://127.0.0.1:23456"
    assert environment["KAFKA_LISTENERS"].startswith("PLAINTEXT://:9092,")
    assert environment["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    assert max(topic.max_message_bytes for topic in ALL) < MAX_MESSAGE_BYTES
