"""What people and the bot write: discord.py believes what the server did, and the server did what discord.py asked."""

import discord
import pytest

from infra.standins.discord import Discord
from tests.standins.clients import Bot, connected


async def test_a_mention_is_answered(local: Discord) -> None:
    """A person's message reaches the bot whole, and its reply reaches the person."""
    guild = local.guild("Home", "general", locale="de")
    ada = local.person("Ada", guild)
    channel = guild.find("general")
    bot = Bot()

    @bot.listen("on_message")
    async def answer(message: discord.Message) -> None:
        if bot.user in message.mentions:
            await message.reply(f"hello {message.author.display_name}")

    async with connected(bot, local):
        asked = ada.post(channel, f"{local.bot.mention} are you there?")
        (reply,) = await channel.until(lambda said: [m for m in said if m.author is local.bot])
        await local.until(lambda _: len(bot.all("message")) == 2)
        (heard, echo) = bot.all("message")

    assert reply.content == "hello Ada"
    assert reply.reply_to is asked
    assert (heard.id, heard.content, heard.guild.name, heard.channel.name) == (
        asked.id,
        asked.content,
        "Home",
        "general",
    )
    assert heard.author.id == ada.id
    assert heard.guild.preferred_locale is discord.Locale.german
    assert echo.id == reply.id
    assert echo.reference.message_id == asked.id


async def test_edits_keep_their_versions(local: Discord) -> None:
    """Every edit is seen by people, in order, and the bot hears of it."""
    guild = local.guild()
    channel = guild.find("general")
    async with connected(Bot(), local) as bot:
        message = await bot.get_channel(channel.id).send("one")
        await message.edit(content="two")
        await message.edit(content="three")
        stored = channel.messages[message.id]
        assert [content for _, content in stored.versions] == ["one", "two", "three"]
        assert (await message.channel.fetch_message(message.id)).edited_at is not None
        await local.until(lambda _: len(bot.all("raw_message_edit")) == 2)


async def test_the_api_refuses_as_documented(local: Discord) -> None:
    """Too long, empty, unknown, not one's own: the JSON error codes that the documentation gives."""
    guild = local.guild()
    ada = local.person("Ada", guild)
    channel = guild.find("general")
    theirs = ada.post(channel, "mine")
    async with connected(Bot(), local) as bot:
        place = bot.get_channel(channel.id)
        with pytest.raises(discord.HTTPException) as long:
            await place.send("x" * 2001)
        with pytest.raises(discord.HTTPException) as empty:
            await place.send("")
        with pytest.raises(discord.NotFound) as unknown:
            await place.fetch_message(1)
        with pytest.raises(discord.Forbidden) as foreign:
            await place.get_partial_message(theirs.id).edit(content="yours")
    assert (long.value.status, long.value.code) == (400, 50035)
    assert "2000 or fewer in length" in long.value.text
    assert empty.value.code == 50006
    assert unknown.value.code == 10008
    assert foreign.value.code == 50005
