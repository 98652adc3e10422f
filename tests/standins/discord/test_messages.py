"""What people and the bot write: discord.py believes what the server did, and the server did what discord.py asked."""

import io
from datetime import timedelta

import discord
import pytest

from infra.standins.discord import Discord, Permission, Rules
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
    assert reply.mentions == [ada.user]
    assert (heard.id, heard.content, heard.guild.name, heard.channel.name) == (
        asked.id,
        asked.content,
        "Home",
        "general",
    )
    assert heard.author.id == ada.id
    assert heard.guild.preferred_locale is discord.Locale.german
    assert echo.id == reply.id
    assert echo.reference.resolved.id == asked.id


async def test_edits_and_deletions_are_told(local: Discord) -> None:
    """Every edit is kept in order, and the bot hears of edits and deletions, its own and a person's."""
    guild = local.guild()
    ada = local.person("Ada", guild)
    channel = guild.find("general")
    async with connected(Bot(), local) as bot:
        message = await bot.get_channel(channel.id).send("one")
        await message.edit(content="two")
        await message.edit(content="three")
        stored = channel.messages[message.id]
        assert [content for _, content in stored.versions] == ["one", "two", "three"]
        assert [at for at, _ in stored.versions] == sorted(at for at, _ in stored.versions)
        fetched = await message.channel.fetch_message(message.id)
        assert (fetched.content, fetched.edited_at is None) == ("three", False)
        theirs = ada.post(channel, "typo")
        ada.edit(theirs, "mended")
        ada.delete(theirs)
        await message.delete()
        await local.until(lambda _: len(bot.all("raw_message_delete")) == 2)
        assert [event.message.content for event in bot.all("raw_message_edit")] == ["two", "three", "mended"]
        assert [event.message_id for event in bot.all("raw_message_delete")] == [theirs.id, message.id]
        assert not channel.messages
        with pytest.raises(discord.NotFound) as gone:
            await message.edit(content="four")
        assert gone.value.code == 10008


async def test_the_api_refuses_as_documented(unlimited: Discord) -> None:
    """Too long, empty, unknown, not one's own, not allowed: the JSON error codes that the documentation gives."""
    local = unlimited
    guild = local.guild("guild", "general", "hidden", "quiet")
    ada = local.person("Ada", guild)
    channel, hidden, quiet = (guild.find(name) for name in ("general", "hidden", "quiet"))
    local.world.overwrite(hidden, local.bot, deny=int(Permission.VIEW_CHANNEL))
    local.world.overwrite(quiet, local.bot, deny=int(Permission.SEND_MESSAGES))
    theirs = ada.post(channel, "mine")
    async with connected(Bot(), local) as bot:
        place = bot.get_channel(channel.id)
        option = discord.SelectOption(label="a")
        crowded = discord.ui.View()
        crowded.add_item(discord.ui.Select(custom_id="same", options=[option]))
        crowded.add_item(discord.ui.Select(custom_id="same", options=[option]))
        embed = discord.Embed(description="x" * 4097)
        gone = discord.MessageReference(message_id=1, channel_id=channel.id)
        for code, words, call in (
            (50035, "2000 or fewer in length", lambda: place.send("x" * 2001)),
            (50035, "4096 or fewer in length", lambda: place.send(embed=embed)),
            (50035, "cannot be duplicated", lambda: place.send("x", view=crowded)),
            (
                50035,
                "Unknown message",
                lambda: place.send("x", reference=gone),
            ),
            (50006, "empty message", lambda: place.send("")),
            (10008, "Unknown Message", lambda: place.fetch_message(1)),
            (10003, "Unknown Channel", lambda: bot.fetch_channel(1)),
            (10004, "Unknown Guild", lambda: bot.fetch_guild(1)),
            (10007, "Unknown Member", lambda: bot.get_guild(guild.id).fetch_member(1)),
            (10013, "Unknown User", lambda: bot.fetch_user(1)),
            (10014, "Unknown Emoji", lambda: place.get_partial_message(theirs.id).add_reaction("nonsense")),
            (50005, "another user", lambda: place.get_partial_message(theirs.id).edit(content="yours")),
            (50013, "Missing Permissions", lambda: place.get_partial_message(theirs.id).delete()),
            (50013, "Missing Permissions", lambda: bot.get_channel(quiet.id).send("x")),
            (50001, "Missing Access", lambda: bot.get_partial_messageable(hidden.id).send("x")),
        ):
            with pytest.raises(discord.HTTPException) as refused:
                await call()
            assert refused.value.code == code
            assert words in refused.value.text
    assert list(channel.messages.values()) == [theirs]


async def test_history_is_that_of_the_channel(unlimited: Discord) -> None:
    """Before, after, around and limit: discord.py's pages together are what the channel holds."""
    local = unlimited
    guild = local.guild()
    ada = local.person("Ada", guild)
    channel = guild.find("general")
    ids = [ada.post(channel, str(k)).id for k in range(230)]

    async def read(**options: object) -> list[int]:
        return [message.id async for message in place.history(**options)]

    async with connected(Bot(), local) as bot:
        place = bot.get_channel(channel.id)
        assert await read(limit=None) == ids[::-1]
        assert await read(limit=3) == ids[-3:][::-1]
        assert await read(limit=150, before=discord.Object(ids[200])) == ids[50:200][::-1]
        assert await read(limit=None, after=discord.Object(ids[99])) == ids[100:]
        assert await read(limit=5, around=discord.Object(ids[100])) == ids[98:103][::-1]


async def test_old_messages_are_forgotten() -> None:
    """A channel keeps the newest, so that a long run's memory stays flat; files of the others are gone."""
    async with Discord(Rules(keep_messages=3)) as local:
        guild = local.guild()
        ada = local.person("Ada", guild)
        posted = [ada.post(guild.find("general"), files={"f.txt": b"x"}) for _ in range(5)]
        assert list(guild.find("general").messages.values()) == posted[2:]
        assert len(local.world.files) == 3


async def test_files_both_ways(local: Discord) -> None:
    """A person's file is read by the bot, and the bot's reach people, also through an embed's attachment:// link."""
    guild = local.guild()
    ada = local.person("Ada", guild)
    channel = guild.find("general")
    async with connected(Bot(), local) as bot:
        ada.post(channel, "see", files={"notes.txt": b"some text"})
        await local.until(lambda _: bot.all("message"))
        (heard,) = bot.all("message")
        assert heard.attachments[0].filename == "notes.txt"
        assert await heard.attachments[0].read() == b"some text"
        embed = discord.Embed(title="figure").set_image(url="attachment://plot.png")
        sent = await heard.channel.send(
            "plot", embed=embed, file=discord.File(io.BytesIO(b"\x89PNG"), "plot.png", description="a plot")
        )
        (attachment,) = channel.messages[sent.id].attachments
        assert (attachment.filename, attachment.data, attachment.description) == ("plot.png", b"\x89PNG", "a plot")
        assert sent.embeds[0].image.url == attachment.url
        await sent.edit(attachments=[])
        assert channel.messages[sent.id].attachments == []
    async with Discord(Rules(attachment_bytes=10)) as small:
        guild = small.guild()
        async with connected(Bot(), small) as bot:
            with pytest.raises(discord.HTTPException) as large:
                await bot.get_channel(guild.find("general").id).send(file=discord.File(io.BytesIO(b"x" * 11), "f"))
        assert (large.value.status, large.value.code) == (413, 40005)


async def test_direct_messages(local: Discord) -> None:
    """A person writes to the bot and it answers; it can also begin."""
    ada, bob = local.person("Ada"), local.person("Bob")
    async with connected(Bot(), local) as bot:
        ada.post(ada.direct(), "hello")
        await local.until(lambda _: bot.all("message"))
        (heard,) = bot.all("message")
        assert heard.guild is None
        await heard.reply("hello to you")
        (answer,) = await ada.direct().until(lambda said: [m for m in said if m.author is local.bot])
        assert answer.content == "hello to you"
        await (await bot.fetch_user(bob.id)).send("news")
        assert [message.content for message in bob.direct().messages.values()] == ["news"]
        bob.close_direct()
        with pytest.raises(discord.Forbidden) as closed:
            await (await bot.fetch_user(bob.id)).send("more news")
        assert closed.value.code == 50007


async def test_content_needs_its_intent(local: Discord) -> None:
    """Without the message content intent: content only where the bot is mentioned, in direct messages, of its own."""
    guild = local.guild()
    ada = local.person("Ada", guild)
    channel = guild.find("general")
    async with connected(Bot(intents=discord.Intents.default()), local) as bot:
        ada.post(channel, "secret", files={"f": b"x"})
        ada.post(channel, f"{local.bot.mention} open")
        ada.post(ada.direct(), "between us")
        await bot.get_channel(channel.id).send("own")
        await local.until(lambda _: len(bot.all("message")) == 4)
        heard = bot.all("message")
        assert [message.content for message in heard] == ["", f"{local.bot.mention} open", "between us", "own"]
        assert heard[0].attachments == []


async def test_reactions(local: Discord) -> None:
    """People's and the bot's reactions are counted once each, and everyone hears of them."""
    guild = local.guild()
    ada = local.person("Ada", guild)
    channel = guild.find("general")
    async with connected(Bot(), local) as bot:
        message = await bot.get_channel(channel.id).send("good?")
        stored = channel.messages[message.id]
        await message.add_reaction("👍")
        ada.react(stored, "👍")
        ada.react(stored, "👍")
        ada.react(stored, "🎉")
        ada.unreact(stored, "🎉")
        await local.until(lambda _: bot.all("raw_reaction_remove"))
        heard = [(str(event.emoji), event.user_id) for event in bot.all("raw_reaction_add")]
        assert heard == [("👍", local.bot.id), ("👍", ada.id), ("🎉", ada.id)]
        (reaction,) = (await message.channel.fetch_message(message.id)).reactions
        assert (str(reaction.emoji), reaction.count, reaction.me) == ("👍", 2, True)
        assert {user.id async for user in reaction.users()} == {ada.id, local.bot.id}
        await message.remove_reaction("👍", bot.user)
        assert [user.id for user in stored.reactions["👍"].users] == [ada.id]


async def test_polls(local: Discord) -> None:
    """The bot asks, people vote (one vote each unless more are allowed), and its end says who won."""
    guild = local.guild()
    ada, bob = local.person("Ada", guild), local.person("Bob", guild)
    channel = guild.find("general")
    poll = discord.Poll(question="Which?", duration=timedelta(hours=1))
    poll.add_answer(text="this").add_answer(text="that")
    async with connected(Bot(), local) as bot:
        message = await bot.get_channel(channel.id).send(poll=poll)
        stored = channel.messages[message.id]
        ada.vote(stored, "this")
        ada.vote(stored, "that")
        bob.vote(stored, 2)
        await local.until(lambda _: len(bot.all("raw_poll_vote_add")) == 3)
        assert [(event.user_id, event.answer_id) for event in bot.all("raw_poll_vote_remove")] == [(ada.id, 1)]
        fetched = (await message.channel.fetch_message(message.id)).poll
        assert [(answer.text, answer.vote_count) for answer in fetched.answers] == [("this", 0), ("that", 2)]
        assert {user.id async for user in fetched.answers[1].voters()} == {ada.id, bob.id}
        ended = await fetched.end()
        assert ended.is_finalised()
        (result,) = await channel.until(lambda said: [m for m in said if m.type == 46])
        values = {field["name"]: field["value"] for field in result.embeds[0]["fields"]}
        assert (values["victor_answer_text"], values["total_votes"]) == ("that", "2")
        with pytest.raises(Exception, match="Poll expired"):
            ada.vote(stored, "this")


async def test_threads(local: Discord) -> None:
    """A thread from a message and one without; what is said there, by both; archived ones open again or are locked."""
    guild = local.guild(bot_permissions=int(Permission.MANAGE_THREADS))
    ada = local.person("Ada", guild)
    channel = guild.find("general")
    first = ada.post(channel, "long story")
    async with connected(Bot(), local) as bot:
        place = bot.get_channel(channel.id)
        thread = await (await place.fetch_message(first.id)).create_thread(name="story")
        assert (thread.id, thread.parent_id, first.thread.name) == (first.id, channel.id, "story")
        ada.post(first.thread, "inside")
        await thread.typing()
        await local.until(lambda _: [m for m in bot.all("message") if m.content == "inside"])
        heard = bot.all("message")[-1]
        assert (heard.channel.id, heard.channel.parent.id) == (thread.id, channel.id)
        await heard.reply("indeed")
        assert [m.content for m in first.thread.messages.values()] == ["inside", "indeed"]
        loose = await place.create_thread(name="loose", type=discord.ChannelType.public_thread)
        assert local.world.channels[loose.id].parent is channel
        theirs = ada.start_thread(ada.post(channel, "mine"), "hers")
        await local.until(lambda _: bot.get_channel(theirs.id))
        await thread.edit(archived=True)
        await thread.send("opens it again")
        assert not first.thread.thread.archived
        await thread.edit(archived=True, locked=True)
        with pytest.raises(discord.HTTPException) as locked:
            await thread.send("closed")
        assert locked.value.code == 50083


async def test_the_same_nonce_is_one_message(local: Discord) -> None:
    """An enforced nonce makes sending twice the same as sending once."""
    guild = local.guild()
    channel = guild.find("general")
    async with connected(Bot(), local) as bot:
        place = bot.get_channel(channel.id)
        first, second = await place.send("once", nonce="n1"), await place.send("once", nonce="n1")
    assert first.id == second.id
    assert len(channel.messages) == 1


async def test_mentions_are_those_allowed(local: Discord) -> None:
    """Only whom the bot may mention and wants to is mentioned."""
    guild = local.guild()
    ada, bob = local.person("Ada", guild), local.person("Bob", guild)
    channel = guild.find("general")
    text = f"{ada.mention} {bob.mention} @everyone"
    async with connected(Bot(), local) as bot:
        place = bot.get_channel(channel.id)
        everyone = await place.send(text)
        nobody = await place.send(text, allowed_mentions=discord.AllowedMentions.none())
        ada_only = await place.send(text, allowed_mentions=discord.AllowedMentions(users=[discord.Object(ada.id)]))
    mentioned = [[user.id for user in channel.messages[m.id].mentions] for m in (everyone, nobody, ada_only)]
    assert mentioned == [[ada.id, bob.id], [], [ada.id]]
    assert not channel.messages[everyone.id].mention_everyone


async def test_typing(local: Discord) -> None:
    """Typing is told both ways."""
    guild = local.guild()
    ada = local.person("Ada", guild)
    channel = guild.find("general")
    async with connected(Bot(), local) as bot:
        ada.type(channel)
        await bot.get_channel(channel.id).typing()
        await local.until(lambda _: len(bot.all("raw_typing")) == 2)
        assert [event.user_id for event in bot.all("raw_typing")] == [ada.id, local.bot.id]


async def test_guilds_come_and_go(local: Discord) -> None:
    """Invited, kicked, an outage and its end, channels made and deleted: discord.py's cache follows."""
    async with connected(Bot(), local) as bot:
        guild = local.guild("new", "general")
        await local.until(lambda _: [g.name for g in bot.guilds] == ["new"])
        assert [g.id for g in bot.all("guild_join")] == [guild.id]
        channel = local.channel(guild, "more", topic="about")
        await local.until(lambda _: bot.get_channel(channel.id))
        assert bot.get_channel(channel.id).topic == "about"
        local.world.delete_channel(channel)
        await local.until(lambda _: bot.get_channel(channel.id) is None)
        local.world.change(guild, name="renamed", locale="de")
        await local.until(lambda _: bot.get_guild(guild.id).preferred_locale is discord.Locale.german)
        assert bot.get_guild(guild.id).name == "renamed"
        ada = local.person("Ada", guild)
        ada.leave(guild)
        await local.until(lambda _: bot.all("raw_member_remove"))
        local.world.outage(guild)
        await local.until(lambda _: bot.get_guild(guild.id).unavailable)
        local.world.outage(guild, over=True)
        await local.until(lambda _: bot.all("guild_available"))
        assert [member.id for member in await bot.get_guild(guild.id).query_members(user_ids=[local.bot.id])]
        local.world.remove_bot(guild)
        await local.until(lambda _: not bot.guilds)
        assert len(bot.all("guild_join")) == 1
