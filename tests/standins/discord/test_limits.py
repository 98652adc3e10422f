"""Rate limits: true to the documentation, so that discord.py keeps to them and a client that doesn't is refused."""

import asyncio
import time

import aiohttp
import discord
import pytest

from infra.standins.discord import BUCKETS, Bucket, Discord, Rules
from infra.standins.discord.faults import Faults
from tests.standins.clients import Bot, connected

POST = "POST /channels/{channel}/messages"


async def test_discord_py_keeps_to_a_bucket() -> None:
    """Twenty messages at once into each of two channels: none refused, and no faster than four windows take."""
    buckets = {**BUCKETS, "messages.create": Bucket(5, 0.2)}
    async with Discord(Rules(buckets=buckets, identify_window=0.0)) as local:
        guild = local.guild("guild", "one", "two")
        async with connected(Bot(), local) as bot:
            places = [bot.get_channel(channel.id) for channel in guild.channels.values()]
            began = time.monotonic()
            await asyncio.gather(*(place.send(str(k)) for k in range(20) for place in places))
            took = time.monotonic() - began
        requests = local.record.of(POST)
    assert [request.status for request in requests] == [200] * 40
    assert took >= 0.6


async def test_headers_and_refusal_are_those_documented() -> None:
    """A client that looks at nothing: headers that count down, then 429 with its body, until the reset."""
    async with Discord(Rules(buckets={**BUCKETS, "messages.create": Bucket(2, 1.0)})) as local:
        channel = local.guild().find("general")
        headers = {"Authorization": f"Bot {local.token}"}
        url = f"{local.api}/channels/{channel.id}/messages"
        async with aiohttp.ClientSession(headers=headers) as session:

            async def ask(address: str = url) -> tuple[int, dict[str, str], dict[str, object]]:
                async with session.post(address, json={"content": "x"}) as response:
                    return response.status, dict(response.headers), await response.json()

            answers = [await ask() for _ in range(3)]
            other = local.channel(local.guild(), "other")
            elsewhere = await ask(f"{local.api}/channels/{other.id}/messages")
            await asyncio.sleep(float(answers[-1][1]["X-RateLimit-Reset-After"]))
            again = await ask()
    assert [status for status, _, _ in answers] == [200, 200, 429]
    assert [told["X-RateLimit-Remaining"] for _, told, _ in answers] == ["1", "0", "0"]
    assert len({told["X-RateLimit-Bucket"] for _, told, _ in [*answers, elsewhere]}) == 1
    assert {told["X-RateLimit-Limit"] for _, told, _ in answers} == {"2"}
    _, told, body = answers[-1]
    assert told["X-RateLimit-Scope"] == "user"
    assert "X-RateLimit-Global" not in told
    assert told["Via"]
    assert body == {"message": "You are being rate limited.", "retry_after": body["retry_after"], "global": False}
    assert 0 < body["retry_after"] <= 1.0
    assert abs(float(told["X-RateLimit-Reset"]) - time.time()) < 5
    assert (elsewhere[0], again[0]) == (200, 200)
    assert len(channel.messages) == 3


async def test_the_global_limit_spares_interactions() -> None:
    """Beyond the global limit: 429 for the API, while interactions are still answered; discord.py waits and goes on."""
    rules = Rules(identify_window=0.0, global_per_second=20)
    async with Discord(rules) as local:
        guild = local.guild("guild", *(f"c{k}" for k in range(30)))
        ada = local.person("Ada", guild)
        bot = Bot()

        @bot.tree.command(description="Ping")
        async def ping(interaction: discord.Interaction) -> None:
            await interaction.response.send_message("pong")

        async with connected(bot, local):
            await bot.tree.sync()
            sends = asyncio.gather(*(bot.get_channel(c.id).send("x") for c in guild.channels.values()))
            await local.until(lambda _: local.limiter.hits.get("global"))
            answered = await ada.use(guild.find("c0"), "ping").answered()
            await sends
        assert answered.content == "pong"
        assert all(len(channel.by(local.bot)) >= 1 for channel in guild.channels.values())
        assert {request.status for request in local.record.of("POST /interactions")} == {200}
        taken = [r.at for r in local.record.requests if r.status == 200 and "callback" not in r.route]
        assert len(taken) <= 20 * (int(max(taken) - min(taken)) + 1)


async def test_a_global_refusal_says_so() -> None:
    """Its headers and body are those documented: global, without a bucket."""
    async with Discord(Rules(global_per_second=1)) as local, aiohttp.ClientSession() as session:
        for _ in range(2):
            async with session.get(f"{local.api}/users/@me", headers={"Authorization": f"Bot {local.token}"}) as answer:
                told, body = answer.headers, await answer.json()
    assert (told["X-RateLimit-Global"], told["X-RateLimit-Scope"]) == ("true", "global")
    assert "X-RateLimit-Bucket" not in told
    assert body["global"] is True
    assert 0 < body["retry_after"] <= int(told["Retry-After"]) == 1


@pytest.mark.parametrize("scope", ["user", "global", "shared"])
async def test_a_storm_of_429(local: Discord, scope: str) -> None:
    """While a storm lasts everything is refused; afterwards all that was asked is done, once."""
    channel = local.guild().find("general")
    async with connected(Bot(), local) as bot:
        storm = local.faults.limit(0.05, scope=scope, times=3)
        await asyncio.gather(*(bot.get_channel(channel.id).send(str(k)) for k in range(3)))
    assert storm.hits == 3
    assert sorted(message.content for message in channel.messages.values()) == ["0", "1", "2"]
    assert [request.status for request in local.record.of(POST)].count(429) == 3


def test_a_storm_asks_to_wait_for_its_end() -> None:
    """A 429 of a storm with an end says when that is, unless it is told to say something else."""
    faults = Faults()
    assert 59 < faults.wait(faults.limit(seconds=60)) <= 60
    assert faults.wait(faults.limit(5, seconds=60)) == 5


async def test_too_many_invalid_requests_shut_the_address_out() -> None:
    """After so many 401, 403 and 429 (shared ones apart) Cloudflare answers, as discord.py understands."""
    async with Discord(Rules(invalid_requests=3, identify_window=0.0)) as local:
        guild = local.guild("guild", "hidden")
        channel = guild.find("hidden")
        local.world.overwrite(channel, local.bot, deny=1 << 10)
        async with connected(Bot(), local) as bot:
            local.faults.limit(0.01, scope="shared", times=5)
            with pytest.raises(discord.HTTPException):
                await bot.fetch_user(1)
            for _ in range(3):
                with pytest.raises(discord.Forbidden):
                    await bot.get_partial_messageable(channel.id).send("x")
            with pytest.raises(discord.HTTPException) as out:
                await bot.fetch_guild(guild.id)
    assert (out.value.status, "1015" in out.value.text) == (429, True)
