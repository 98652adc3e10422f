"""The gateway's protocol payload by payload: what a client may not do, and the close code that tells it."""

import json
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from infra.standins.discord import Discord, Rules


class Raw:
    """A bare client: sends what it is told and reads what comes."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, stream: Any) -> None:
        self.socket, self._stream = socket, stream

    async def send(self, op: int, data: Any) -> None:
        await self.socket.send_str(json.dumps({"op": op, "d": data}))

    async def next(self) -> dict[str, Any]:
        """The next payload; {"close": code} when the server closes."""
        message = await self.socket.receive(timeout=5)
        if message.type is aiohttp.WSMsgType.BINARY:
            return json.loads(self._stream.decompress(message.data))
        if message.type is aiohttp.WSMsgType.TEXT:
            return json.loads(message.data)
        return {"close": self.socket.close_code}

    async def until(self, key: str, value: Any) -> dict[str, Any]:
        while (payload := await self.next()).get(key) != value:
            assert "close" not in payload, payload
        return payload


@asynccontextmanager
async def raw(local: Discord, query: str = "v=10&encoding=json&compress=zlib-stream") -> AsyncIterator[Raw]:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{local.gateway.url}?{query}") as socket,
    ):
        yield Raw(socket, zlib.decompressobj())


def identify(local: Discord, **changed: Any) -> dict[str, Any]:
    return {"token": local.token, "intents": 513, "properties": {}, **changed}


async def test_hello_ready_guilds_and_acknowledgements(local: Discord) -> None:
    """Hello, Ready with unavailable guilds, then each guild; sequences without a hole; heartbeats acknowledged."""
    guild = local.guild()
    for compress in ("&compress=zlib-stream", "", "&compress=zstd-stream"):
        query = f"v=10&encoding=json{compress}"
        async with raw(local, query) as client:
            hello = await client.next()
            assert (hello["op"], hello["d"]["heartbeat_interval"]) == (10, 41250)
            await client.send(1, None)
            assert (await client.next())["op"] == 11
            await client.send(2, identify(local))
            ready, created = await client.next(), await client.next()
            assert (ready["t"], ready["s"]) == ("READY", 1)
            assert ready["d"]["guilds"] == [{"id": str(guild.id), "unavailable": True}]
            assert ready["d"]["resume_gateway_url"] == local.gateway.url
            assert (created["t"], created["s"], created["d"]["unavailable"]) == ("GUILD_CREATE", 2, False)


@pytest.mark.parametrize(
    ("payloads", "code"),
    [
        ([(99, {})], 4001),
        ([(2, "nonsense")], 4001),
        ([(3, {})], 4003),
        ([(2, {"token": "wrong"})], 4004),
        ([(2, {}), (2, {})], 4005),
        ([(6, {"seq": 99})], 4007),
        ([(1, None)] * 121, 4008),
        ([(2, {"shard": [2, 2]})], 4010),
        ([(2, {"intents": 1 << 30})], 4013),
        ([(2, {"intents": None})], 4013),
        ([(2, {"intents": 1 << 15})], 4014),
    ],
)
async def test_close_codes(local: Discord, payloads: list[tuple[int, Any]], code: int) -> None:
    """What a client may not send, and the code that it is closed with."""
    local.world.granted = 0
    session = ""
    if code == 4007:
        async with raw(local) as client:
            await client.send(2, identify(local))
            session = (await client.until("t", "READY"))["d"]["session_id"]
            await client.socket.close(code=4000)
    async with raw(local) as client:
        for op, data in payloads:
            if op == 2 and isinstance(data, dict):
                data = identify(local, **data)  # noqa: PLW2901
            if op == 6:
                data = {"token": local.token, "session_id": session, **data}  # noqa: PLW2901
            await client.send(op, data)
        while "close" not in (payload := await client.next()):
            pass
        assert payload["close"] == code


async def test_what_cannot_be_read() -> None:
    """No JSON, too much of it, an old version: closed with 4002 and 4012."""
    async with Discord() as local:
        for text, query, code in (
            ("{", "v=10&encoding=json", 4002),
            (json.dumps({"op": 1, "d": "x" * 4096}), "v=10&encoding=json", 4002),
            ("{}", "v=8&encoding=json", 4012),
        ):
            async with raw(local, query) as client:
                await client.socket.send_str(text)
                while "close" not in (payload := await client.next()):
                    pass
                assert payload["close"] == code


async def test_a_silent_client_is_closed() -> None:
    """Without heartbeats the connection ends (4009) after one and a half intervals."""
    async with Discord(Rules(heartbeat=0.05)) as local, raw(local) as client:
        assert (await client.next())["op"] == 10
        assert (await client.next())["close"] == 4009


async def test_too_many_guilds_need_shards() -> None:
    """More guilds than a shard may have are refused with 4011; on two shards they fit."""
    async with Discord(Rules(guilds_per_shard=3, identify_window=0.0)) as local:
        for k in range(4):
            local.guild(str(k))
        for shard, result in ((None, 4011), ([0, 2], None), ([1, 2], None)):
            async with raw(local) as client:
                await client.send(2, identify(local, shard=shard))
                payload = await client.next()
                payload = await client.next()
                assert payload.get("close") == result


async def test_shards_of_one_key_wait_for_each_other() -> None:
    """With concurrency 2, shards 0 and 1 may identify at once, shard 2 only after shard 0's window."""

    async def answered(local: Discord, shard: int) -> int:
        async with raw(local) as client:
            await client.send(2, identify(local, shard=[shard, 3]))
            await client.until("op", 10)
            return (await client.next())["op"]

    async with Discord(Rules(max_concurrency=2, identify_window=60.0)) as local:
        assert [await answered(local, shard) for shard in (0, 1, 2, 0)] == [0, 0, 9, 9]
        local.gateway.rules = Rules(max_concurrency=2, identify_window=0.05)
        for _ in range(100):
            if (op := await answered(local, 2)) == 0:
                break
        assert op == 0


async def test_a_resume_replays_exactly_what_was_missed(local: Discord) -> None:
    """From any sequence that the client has, the rest comes in order, then Resumed; goodbye (1000) ends a session."""
    guild = local.guild()
    ada = local.person("Ada", guild)
    async with raw(local) as client:
        await client.send(2, identify(local))
        session = (await client.until("t", "READY"))["d"]["session_id"]
        for k in range(5):
            ada.post(guild.find("general"), str(k))
        sequence = (await client.until("t", "MESSAGE_CREATE"))["s"]
        await client.socket.close(code=4000)
    ada.post(guild.find("general"), "5")
    for _ in range(2):
        async with raw(local) as client:
            await client.send(6, {"token": local.token, "session_id": session, "seq": sequence})
            assert (await client.next())["op"] == 10
            missed = [await client.next() for _ in range(5)]
            assert [event["s"] for event in missed] == [sequence + k for k in range(1, 6)]
            assert {event["t"] for event in missed} == {"MESSAGE_CREATE"}
            assert (await client.until("t", "RESUMED"))["s"] >= sequence + 6
            await client.socket.close(code=4000)
    async with raw(local) as client:
        await client.send(6, {"token": local.token, "session_id": session, "seq": sequence + 5})
        await client.until("t", "RESUMED")
        await client.socket.close(code=1000)
    async with raw(local) as client:
        await client.send(6, {"token": local.token, "session_id": session, "seq": sequence + 5})
        assert (await client.until("op", 9))["d"] is False
