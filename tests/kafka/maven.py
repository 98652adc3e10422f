"""A Maven repository of small files on a local HTTP server, which can stall, alter and count what it serves."""

import hashlib
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COORDINATES = [
    ("org.apache.kafka", "kafka_2.13", "4.0.1"),
    ("org.apache.kafka", "kafka-clients", "4.0.1"),
    ("org.slf4j", "slf4j-simple", "1.7.36"),
]


def content(artifact: str) -> bytes:
    return hashlib.sha256(artifact.encode()).digest() * 3000  # 96 kB


def path_of(group: str, artifact: str, version: str) -> str:
    return f"/{group.replace('.', '/')}/{artifact}/{version}/{artifact}-{version}.jar"


def write_lockfile(path: Path, coordinates=COORDINATES) -> Path:
    path.write_text(
        "".join(
            f'[[dependencies]]\ngroupId = "{group}"\nartifactId = "{artifact}"\nversion = "{version}"\n'
            f'sha256 = "{hashlib.sha256(content(artifact)).hexdigest()}"\n'
            for group, artifact, version in coordinates
        )
    )
    return path


class Repository:
    """What is served, how often each path was asked for, and the ways in which it can go wrong."""

    def __init__(self) -> None:
        self.files = {path_of(*each): content(each[1]) for each in COORDINATES}
        self.asked: Counter[str] = Counter()
        self.stall = threading.Event()  # while set, a jar stops half-way
        self.half_sent = threading.Event()
        self.released = threading.Event()
        self.url = ""


@contextmanager
def serve() -> Iterator[Repository]:
    repository = Repository()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            repository.asked[self.path] += 1
            body = repository.files.get(self.path)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            if body is None:
                return
            half = len(body) // 2
            self.wfile.write(body[:half])
            if repository.stall.is_set():
                repository.half_sent.set()
                repository.released.wait(60)
                return
            self.wfile.write(body[half:])

        def log_message(self, *arguments) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    repository.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield repository
    finally:
        repository.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
