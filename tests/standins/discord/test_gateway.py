"""Sessions: resumed without a loss, invalidated, refused."""

import discord
import pytest

from infra.standins.discord import Discord, Rules
from tests.standins.clients import Bot, connected


@pytest.mark.parametrize("fault", ["drop", "reconnect", "close"])
async def test_resume_loses_no_event(local: Discord, fault: str) -> None:
    """However the connection breaks, discord.py hears every message once and in order."""
    guild = local.guild()
    ada = local.person("Ada", guild)
    channel = guild.find("general")
    async with connected(Bot(), local) as bot:
        for round_ in range(5):
            ada.post(channel, f"{round_} before")
            getattr(local.gateway, fault)()
            for k in range(5):
                ada.post(channel, f"{round_} {k}")
            await local.until(lambda _, done=round_: len(bot.all("message")) == 6 * (done + 1))
            await local.until(lambda discord: discord.ready())
        assert [message.id for message in bot.all("message")] == list(channel.messages)
        assert local.gateway.counts["identify"] == 1
        assert local.gateway.counts["resume"] == 5


async def test_invalid_session_identifies_again(local: Discord) -> None:
    """After Invalid Session the client starts anew and knows all guilds."""
    guild = local.guild()
    ada = local.person("Ada", guild)
    async with connected(Bot(), local) as bot:
        local.gateway.invalidate()
        await local.until(lambda discord: discord.gateway.counts["identify"] == 2 and discord.ready())
        ada.post(guild.find("general"), "still there?")
        await local.until(lambda _: bot.all("message"))
        assert [one.id for one in bot.guilds] == [guild.id]


async def test_shards_get_their_guilds() -> None:
    """Each guild's events come through shard (guild_id >> 22) % n, and discord.py agrees."""
    async with Discord(Rules(shards=3, identify_window=0.0)) as local:
        guilds = [local.guild(f"guild {i}") for i in range(9)]
        ada = local.person("Ada", *guilds)
        async with connected(Bot(), local) as bot:
            assert {guild.id: guild.shard_id for guild in bot.guilds} == {g.id: (g.id >> 22) % 3 for g in guilds}
            assert {guild.shard_id for guild in bot.guilds} == {0, 1, 2}
            for guild in guilds:
                ada.post(guild.find("general"), guild.name)
            await local.until(lambda _: len(bot.all("message")) == 9)


async def test_privileged_intents_are_refused(local: Discord) -> None:
    """Without the grant, asking for message content ends with 4014, as discord.py reports it."""
    local.gateway.allowed = 0
    local.guild()
    with pytest.raises(discord.PrivilegedIntentsRequired):
        async with connected(Bot(), local):
            pass


async def test_a_wrong_token_is_refused(local: Discord) -> None:
    """401 at login, as discord.py reports it."""
    local.token = "wrong"
    with pytest.raises(discord.LoginFailure):
        async with connected(Bot(), local):
            pass
