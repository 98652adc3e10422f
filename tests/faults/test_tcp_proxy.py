"""The proxy passes bytes on unchanged, and breaks the network only as it is told."""

import asyncio
import random

import pytest

from infra.kafka.ports import free_port
from tests.faults.tcp_proxy import DIRECTIONS, TcpProxy


@pytest.fixture
async def line():
    """A proxy before a server that answers each byte with the same, and counts what reached it."""
    arrived = bytearray()

    async def echo(reader, writer):
        while data := await reader.read(1024):
            arrived.extend(data)
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    proxy = TcpProxy(free_port(), server.sockets[0].getsockname()[1])
    await proxy.start()
    yield proxy, arrived
    await proxy.stop()
    server.close()


async def connect_and_read(port):
    reader, _ = await asyncio.open_connection("127.0.0.1", port)
    await reader.readexactly(1)


async def silent(reader):
    """Whether nothing comes, though everything had its turn."""
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), 0.2)
    return True


async def test_bytes_arrive_unchanged_and_in_order_whatever_is_held_and_delayed_meanwhile(line):
    """A megabyte of random bytes through holds of both directions and delays: what comes back is what was sent."""
    proxy, _ = line
    rng = random.Random(1)
    sent = rng.randbytes(1_000_000)
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)

    async def send():
        for begin in range(0, len(sent), 50_000):
            writer.write(sent[begin : begin + 50_000])
            await writer.drain()

    async def disturb():
        for _ in range(10):
            proxy.hold(rng.choice(DIRECTIONS))
            await asyncio.sleep(0.01)
            proxy.release()
            proxy.delay(0.001)
            await asyncio.sleep(0.01)
        proxy.release()

    sending, disturbing = asyncio.create_task(send()), asyncio.create_task(disturb())
    assert await reader.readexactly(len(sent)) == sent
    await asyncio.gather(sending, disturbing)
    writer.close()


async def test_each_direction_is_held_alone(line):
    """Held towards the broker nothing reaches it; held from the broker it has the bytes and we have no answer."""
    proxy, arrived = line
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"a")
    assert await reader.readexactly(1) == b"a"
    proxy.hold("to-broker")
    writer.write(b"b")
    assert await silent(reader)
    assert bytes(arrived) == b"a"
    proxy.release()
    assert await reader.readexactly(1) == b"b"
    proxy.hold("from-broker")
    writer.write(b"c")
    assert await silent(reader)
    assert bytes(arrived) == b"abc"
    proxy.release()
    assert await reader.readexactly(1) == b"c"
    writer.close()


async def test_reset_breaks_what_is_there_and_refuse_what_comes(line):
    """After a reset the connection is broken and a new one works; while refusing, a new one is broken too."""
    proxy, _ = line
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"a")
    await reader.readexactly(1)
    proxy.reset()
    with pytest.raises(ConnectionResetError):
        await reader.readexactly(1)
    again, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"b")
    assert await again.readexactly(1) == b"b"
    proxy.refuse()
    with pytest.raises(ConnectionResetError):
        await again.readexactly(1)
    with pytest.raises(ConnectionResetError):
        await connect_and_read(proxy.port)
    proxy.release()
