"""Sessions as discord.py lives through them: resumed without a loss, invalidated, sharded, refused."""

import random

import discord
import pytest

from infra.standins.discord import Discord, Permission, Rules
from tests.standins.clients import Bot, connected


@pytest.mark.parametrize("fault", ["drop", "reconnect", "close", "invalidate"])
async def test_resume_loses_no_event(local: Discord, fault: str) -> None:
    """However the connection breaks, discord.py hears every message once and in order."""
    guild = local.guild()
    ada = local.person("Ada", guild)
    channel = guild.find("general")
    options = {"resumable": True} if fault == "invalidate" else {}
    async with connected(Bot(), local) as bot:
        for round_ in range(5):
            ada.post(channel, f"{round_} before")
            getattr(local.gateway, fault)(**options)
            for k in range(5):
                ada.post(channel, f"{round_} {k}")
            await local.until(lambda _, done=round_: len(bot.all("message")) == 6 * (done + 1))
            await local.until(lambda discord: discord.ready())
        assert [message.id for message in bot.all("message")] == list(channel.messages)
        assert local.gateway.counts["identify"] == 1
        assert local.gateway.counts["resume"] == 5


@pytest.mark.parametrize("seed", range(3))
async def test_any_mix_of_breaks_loses_no_event(seed: int) -> None:
    """Messages, edits and reactions while connections break at random on two shards: everything once, in order."""
    chance = random.Random(seed)
    async with Discord(Rules(shards=2, identify_window=0.0)) as local:
        guilds = [local.guild(f"guild {i}") for i in range(2)]
        ada = local.person("Ada", *guilds)
        async with connected(Bot(), local) as bot:
            gateway = local.gateway
            breaks = (gateway.drop, gateway.reconnect, gateway.close, lambda: gateway.invalidate(resumable=True))
            for _ in range(40):
                for guild in guilds:
                    message = ada.post(guild.find("general"), "x")
                    ada.edit(message, "y")
                    ada.react(message, "👍")
                if chance.random() < 0.2:
                    chance.choice(breaks)()
                if chance.random() < 0.5:
                    asked = local.gateway.counts.get("resume", 0)
                    chance.choice(breaks)()
                    await local.until(lambda local, asked=asked: local.gateway.counts.get("resume", 0) > asked)
            await local.until(lambda _: len(bot.all("raw_reaction_add")) == 80)
        for guild in guilds:
            posted = list(guild.find("general").messages)
            heard = [m.id for m in bot.all("message") if m.guild.id == guild.id]
            edited = [e.message_id for e in bot.all("raw_message_edit") if e.guild_id == guild.id]
            reacted = [e.message_id for e in bot.all("raw_reaction_add") if e.guild_id == guild.id]
            assert posted == heard == edited == reacted
        assert local.gateway.counts["identify"] == 2
        assert local.gateway.counts["resume"] >= 10


async def test_invalid_session_identifies_again(local: Discord) -> None:
    """After Invalid Session the client starts anew, knows all guilds, and what happened meanwhile is lost."""
    guild = local.guild()
    ada = local.person("Ada", guild)
    async with connected(Bot(), local) as bot:
        local.gateway.invalidate()
        ada.post(guild.find("general"), "nobody hears")
        await local.until(lambda discord: discord.gateway.counts["identify"] == 2 and discord.ready())
        ada.post(guild.find("general"), "still there?")
        await local.until(lambda _: bot.all("message"))
        assert [message.content for message in bot.all("message")] == ["still there?"]
        assert [one.id for one in bot.guilds] == [guild.id]


@pytest.mark.parametrize("cause", ["forgotten", "expired", "overrun"])
async def test_what_cannot_be_resumed_starts_anew(cause: str) -> None:
    """A session that the server forgot, that waited too long, or whose events no longer fit: a new one."""
    rules = Rules(identify_window=0.0, resume_within=0.0 if cause == "expired" else 60.0, replay=5)
    async with Discord(rules) as local:
        guild = local.guild()
        ada = local.person("Ada", guild)
        async with connected(Bot(), local) as bot:
            local.gateway.drop()
            if cause == "forgotten":
                local.gateway.forget()
            if cause == "overrun":
                for k in range(6):
                    ada.post(guild.find("general"), str(k))
            await local.until(lambda discord: discord.gateway.counts["identify"] == 2 and discord.ready())
            assert local.gateway.counts["invalid"] == 1
            ada.post(guild.find("general"), "again")
            await local.until(lambda _: [m for m in bot.all("message") if m.content == "again"])


async def test_refused_identifies_are_tried_again(local: Discord) -> None:
    """Invalid Session in answer to Identify: discord.py tries until it is let in."""
    local.guild()
    local.gateway.refuse(3)
    async with connected(Bot(), local) as bot:
        assert len(bot.guilds) == 1
    assert (local.gateway.counts["identify"], local.gateway.counts["invalid"]) == (4, 3)


async def test_shards_get_their_guilds() -> None:
    """Each guild's events come through shard (guild_id >> 22) % n, as discord.py agrees; a shard breaks alone."""
    async with Discord(Rules(shards=3, identify_window=0.0)) as local:
        guilds = [local.guild(f"guild {i}") for i in range(9)]
        ada = local.person("Ada", *guilds)
        async with connected(Bot(), local) as bot:
            assert {guild.id: guild.shard_id for guild in bot.guilds} == {g.id: (g.id >> 22) % 3 for g in guilds}
            assert {guild.shard_id for guild in bot.guilds} == {0, 1, 2}
            assert local.gateway.drop(shard=1) == 1
            for guild in guilds:
                ada.post(guild.find("general"), guild.name)
            ada.post(ada.direct(), "to shard 0")
            await local.until(lambda _: len(bot.all("message")) == 10)
            await local.until(lambda _: bot.all("shard_resumed"))
            assert bot.all("shard_resumed") == [1]


async def test_heartbeats_are_asked_for(local: Discord) -> None:
    """A heartbeat comes at once when the server asks for it, and is acknowledged: the latency is known."""
    local.guild()
    async with connected(Bot(), local) as bot:
        (session,) = local.gateway.sessions.values()
        before = session.connection.heartbeats
        assert local.gateway.ask_heartbeats() == 1
        await local.until(lambda _: session.connection.heartbeats == before + 1)
        await local.until(lambda _: bot.latency < 5)


async def test_nothing_of_what_the_bot_may_not_hear(local: Discord) -> None:
    """No event of a channel that it can't see, of a guild that it has left or that is out."""
    guild, left, out = local.guild("guild", "general", "hidden"), local.guild("left"), local.guild("out")
    ada = local.person("Ada", guild, left, out)
    local.world.overwrite(guild.find("hidden"), local.bot, deny=int(Permission.VIEW_CHANNEL))
    async with connected(Bot(), local) as bot:
        local.world.remove_bot(left)
        local.world.outage(out)
        for channel in (guild.find("hidden"), left.find("general"), out.find("general")):
            message = ada.post(channel, "unheard")
            ada.react(message, "👍")
            ada.type(channel)
            ada.delete(message)
        ada.post(guild.find("general"), "heard")
        await local.until(lambda _: bot.all("message"))
        assert [message.content for message in bot.all("message")] == ["heard"]
        assert not bot.all("raw_reaction_add") + bot.all("raw_typing") + bot.all("raw_message_delete")


async def test_a_zombie_connection_is_left() -> None:
    """A connection on which nothing comes any more, not even acknowledgements, is left and the session resumed."""
    async with Discord(Rules(heartbeat=0.1, identify_window=0.0)) as local:
        guild = local.guild()
        ada = local.person("Ada", guild)
        async with connected(Bot(heartbeat_timeout=0.3), local) as bot:
            local.gateway.mute()
            ada.post(guild.find("general"), "anyone?")
            await local.until(lambda _: bot.all("message"))
            assert bot.latency < 30
        assert local.gateway.counts["resume"] >= 1
        assert local.gateway.counts["identify"] == 1


async def test_members_on_request(local: Discord) -> None:
    """discord.py gets the members it asks for: all of them at the start with the intent, by name, by id."""
    guild = local.guild()
    people = [local.person(name, guild) for name in ("Ada", "Adam", "Bob")]
    async with connected(Bot(), local) as bot:
        seen = bot.get_guild(guild.id)
        assert {member.id for member in seen.members} == set(guild.members)
        assert {member.id for member in await seen.query_members("Ada", limit=5)} == {people[0].id, people[1].id}
        assert [member.id for member in await seen.query_members(user_ids=[people[2].id])] == [people[2].id]
        late = local.person("Late", guild)
        await local.until(lambda _: seen.get_member(late.id))


async def test_only_events_of_its_intents(local: Discord) -> None:
    """Without the intents for them, neither reactions nor direct messages nor typing come."""
    guild = local.guild()
    ada = local.person("Ada", guild)
    intents = discord.Intents(guilds=True, guild_messages=True)
    async with connected(Bot(intents=intents), local) as bot:
        message = ada.post(guild.find("general"), "one")
        ada.react(message, "👍")
        ada.type(guild.find("general"))
        ada.post(ada.direct(), "private")
        last = ada.post(guild.find("general"), "two")
        await local.until(lambda _: [m for m in bot.all("message") if m.id == last.id])
        assert [m.id for m in bot.all("message")] == [message.id, last.id]
        assert not bot.all("raw_reaction_add") and not bot.all("raw_typing")


async def test_privileged_intents_are_refused(local: Discord) -> None:
    """Without the grant, asking for message content ends with 4014, and REST doesn't show it either."""
    local.world.granted = 0
    guild = local.guild()
    secret = local.person("Ada", guild).post(guild.find("general"), "secret")
    with pytest.raises(discord.PrivilegedIntentsRequired):
        async with connected(Bot(), local):
            pass
    async with connected(Bot(intents=discord.Intents.default()), local) as bot:
        flags = (await bot.application_info()).flags
        assert not flags.gateway_message_content and not flags.gateway_guild_members and not flags.gateway_presence
        assert (await bot.get_channel(guild.find("general").id).fetch_message(secret.id)).content == ""


async def test_a_wrong_token_is_refused(local: Discord) -> None:
    """401 at login, as discord.py reports it."""
    local.token = "wrong"
    with pytest.raises(discord.LoginFailure):
        async with connected(Bot(), local):
            pass


async def test_session_starts_are_counted() -> None:
    """GET /gateway/bot tells shards, concurrency and how many starts are left; after the last there is no way in."""
    async with Discord(Rules(shards=2, session_starts=3, max_concurrency=4, identify_window=0.0)) as local:
        async with connected(Bot(), local) as bot:
            limits = await bot.fetch_session_start_limits()
            assert (limits.total, limits.remaining, limits.max_concurrency) == (3, 1, 4)
        with pytest.raises(discord.ConnectionClosed) as closed:
            async with connected(Bot(), local):
                pass
        assert closed.value.code == 4004
