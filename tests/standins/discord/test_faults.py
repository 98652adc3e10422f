"""Faults of the REST API, as discord.py lives through them."""

import aiohttp
import discord
import pytest

from infra.standins.discord import Discord
from tests.standins.clients import Bot, connected

POST = "POST /channels/"


async def test_server_errors(local: Discord) -> None:
    """503 reaches the caller and nothing was done; the next request is served."""
    channel = local.guild().find("general")
    async with connected(Bot(), local) as bot:
        place = bot.get_channel(channel.id)
        local.faults.fail(503, where=POST, times=1)
        with pytest.raises(discord.DiscordServerError):
            await place.send("lost")
        await place.send("kept")
    assert [message.content for message in channel.messages.values()] == ["kept"]


async def test_a_lost_answer_is_not_a_lost_message(local: Discord) -> None:
    """A connection cut before the effect leaves nothing, one cut after it leaves the message: the client can't tell."""
    channel = local.guild().find("general")
    async with connected(Bot(), local) as bot:
        place = bot.get_channel(channel.id)
        for after in (False, True):
            local.faults.cut(after=after, where=POST, times=1)
            with pytest.raises(aiohttp.ClientError):
                await place.send(f"after: {after}")
    assert [message.content for message in channel.messages.values()] == ["after: True"]


async def test_slowness(local: Discord) -> None:
    """Slow before the effect or after it; only requests that fit are slow."""
    channel = local.guild().find("general")
    async with connected(Bot(), local) as bot:
        place = bot.get_channel(channel.id)
        local.faults.slow(0.1, where=POST, times=1)
        local.faults.slow(0.3, after=True, where="PATCH /channels/", times=1)
        message = await place.send("x")
        await message.edit(content="y")
        await message.channel.fetch_message(message.id)
    (post,) = local.record.of("POST /channels/{channel}/messages")
    (edit,) = local.record.of("PATCH")
    (get,) = local.record.of("GET /channels/{channel}/messages/{message}")
    assert post.answered - post.at >= 0.1
    assert edit.answered - edit.at < 0.3 <= get.at - edit.answered
    assert local.faults.take("POST", "/channels/1/messages") is None


async def test_a_schedule(local: Discord) -> None:
    """Faults at their times: the connection dropped twice, each time resumed."""
    local.guild()
    async with connected(Bot(), local) as bot:
        await local.play([(0.15, local.gateway.drop), (0.0, local.gateway.reconnect)])
        await local.until(lambda _: len(bot.all("resumed")) == 2)
    assert (local.gateway.counts["reconnect"], local.gateway.counts["dropped"]) == (1, 1)


async def test_its_own_mistakes_are_not_discords() -> None:
    """What the local Discord itself gets wrong fails the test that uses it, however often discord.py tries again."""

    async def break_it() -> None:
        async with Discord() as local, aiohttp.ClientSession() as session:
            local.world.application = None
            headers = {"Authorization": f"Bot {local.token}"}
            async with session.get(f"{local.api}/applications/@me", headers=headers) as got:
                assert got.status == 500

    with pytest.raises(ExceptionGroup, match="the local Discord failed"):
        await break_it()
