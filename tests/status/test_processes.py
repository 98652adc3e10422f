"""Processes as they announce themselves, asked over real HTTP."""

import os
import subprocess
import sys

import msgspec
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from infra.status.processes import processes
from stream_workers.http import StatusServer


@pytest.fixture
async def serve():
    """Starts the server that workers have, with a status of the test's; the address."""
    servers = []

    async def start(**status):
        told = {"pid": os.getpid(), "healthy": True, "reason": None, **status}
        server = StatusServer(
            lambda: told, lambda: {"healthy": told["healthy"], "reason": told["reason"]}, CollectorRegistry()
        )
        await server.start("127.0.0.1", 0)
        servers.append(server)
        return server.address

    yield start
    for server in servers:
        await server.stop()


def announce(directory, address, pid=None, role="worker"):
    directory.mkdir(exist_ok=True)
    told = {"role": role, "pid": pid or os.getpid(), "address": address}
    (directory / f"{role}-{told['pid']}.json").write_bytes(msgspec.json.encode(told))


async def test_healthy_and_not(serve, tmp_path):
    """A process is asked for its health and its status; the reason is what it gives."""
    announce(tmp_path, await serve(partitions=[1]))
    (found,) = await processes(tmp_path)
    assert (found.state, found.healthy, found.reason, found.status["partitions"]) == ("running", True, None, [1])
    announce(tmp_path, await serve(healthy=False, reason="contexts/3 stands still for 40 s"))
    (found,) = await processes(tmp_path)
    assert (found.state, found.healthy, found.reason) == ("running", False, "contexts/3 stands still for 40 s")


@pytest.fixture
def dead_pid():
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


async def test_what_is_left_of_dead_processes_is_no_harm(serve, tmp_path, dead_pid, unused_tcp_port):
    """Dead pids, numbers and ports taken by others, foreign files: gone or passed over, and left where they are."""
    announce(tmp_path, "http://127.0.0.1:1", pid=dead_pid, role="a")
    announce(tmp_path, f"http://127.0.0.1:{unused_tcp_port}", role="b")
    announce(tmp_path, await serve(pid=1), role="c")
    (tmp_path / "half.json").write_bytes(b'{"role": "wor')
    (tmp_path / "other.json").write_bytes(b"[1, 2]")
    (tmp_path / "notes.txt").write_text("mine")
    announce(tmp_path, await serve(), role="d")
    before = sorted(path.name for path in tmp_path.iterdir())
    found = await processes(tmp_path)
    assert [(each.role, each.state) for each in found] == [
        ("a", "gone"),
        ("b", "gone"),
        ("c", "gone"),
        ("d", "running"),
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert await processes(tmp_path / "nowhere") == []


async def test_an_answer_that_is_not_ours(tmp_path, other_server):
    """A server that answers something else is not taken for a worker."""
    announce(tmp_path, other_server)
    (found,) = await processes(tmp_path)
    assert found.state == "gone"


@pytest.fixture
async def other_server():
    async def anything(_):
        return web.Response(text="<html>")

    app = web.Application()
    app.router.add_get("/status", anything)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}"
    await runner.cleanup()
