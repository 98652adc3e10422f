"""The local Discord in a process of its own, asked over HTTP."""

import discord
import pytest
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from infra.standins.discord.remote import started
from tests.standins.clients import Bot


async def test_people_of_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """What people do there reaches the bot here, and what the bot writes is told, with its times."""
    async with started("--shards", "2", "--keep-requests", "1000") as remote:
        monkeypatch.setattr(Route, "BASE", remote.api)
        monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", yarl.URL(remote.gateway))
        guilds = (await remote.ask("make", guilds=2, channels=["questions"], people=1))["guilds"]
        bot = Bot(intents=discord.Intents.default())

        @bot.listen("on_message")
        async def answer(message: discord.Message) -> None:
            if not message.author.bot:
                await message.reply("answered", view=discord.ui.View().add_item(discord.ui.Button(label="More")))

        async with bot:
            await bot.login(remote.token)
            running = bot.loop.create_task(bot.connect())
            await bot.wait_until_ready()
            asked = await remote.act(
                *({"do": "post", "person": g["people"][0], "channel": g["channels"][0], "content": "?"} for g in guilds)
            )
            told, since = [], 0
            while len(told) < 2:
                wrote = await remote.ask("wrote", since=since, wait=10)
                since, told = wrote["next"], told + wrote["messages"]
            assert {one["reply_to"] for one in told} == set(asked)
            assert all(one["content"] == "answered" and one["at"] <= one["last"] for one in told)
            first = next(one for one in told if one["reply_to"] == asked[0])
            act = {"do": "click", "person": guilds[0]["people"][0], "channel": first["channel"], "button": "More"}
            (clicked,) = await remote.act(act | {"message": first["id"]})
            became = (await remote.ask("interactions", ids=[clicked]))[str(clicked)]
            assert became["acknowledged"] is None
            figures = await remote.ask("figures")
            assert (figures["ready"], figures["wrote"], figures["statuses"].get("429")) == (True, 2, None)
            with pytest.raises(RuntimeError, match="no 'Other' under the message"):
                await remote.act(act | {"message": first["id"], "button": "Other"})
            assert (await remote.ask("fault", on="gateway", name="drop"))["done"] == 2
        running.cancel()
