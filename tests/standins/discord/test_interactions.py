"""Commands, buttons, selects and modals, through discord.py's own command tree and views."""

from typing import Any

import aiohttp
import discord
import pytest
from discord import app_commands

from infra.standins.discord import Answered, Discord, Permission, Rules, buttons
from tests.standins.clients import Bot, connected


class Tell(discord.ui.Modal, title="Tell"):
    why = discord.ui.TextInput(label="Why", min_length=3)
    kind = discord.ui.Label(
        text="Kind",
        component=discord.ui.Select(
            custom_id="kind",
            options=[discord.SelectOption(label="Wrong", value="w"), discord.SelectOption(label="Slow")],
        ),
    )

    async def on_submit(self, interaction: discord.Interaction) -> None:
        kind = self.kind.component.values[0]
        await interaction.response.send_message(f"because {self.why.value} ({kind})", ephemeral=True)


class Answer(discord.ui.View):
    def __init__(self) -> None:
        super().__init__(timeout=None)
        self.add_item(discord.ui.Button(label="Docs", url="https://example.com"))

    @discord.ui.button(label="Good", custom_id="good")
    async def good(self, interaction: discord.Interaction, button: discord.ui.Button) -> None:
        button.disabled = True
        await interaction.response.edit_message(content="thank you", view=self)

    @discord.ui.button(label="Bad", custom_id="bad")
    async def bad(self, interaction: discord.Interaction, button: discord.ui.Button) -> None:
        await interaction.response.send_modal(Tell())

    @discord.ui.select(placeholder="Who", cls=discord.ui.UserSelect, max_values=2)
    async def who(self, interaction: discord.Interaction, select: discord.ui.UserSelect) -> None:
        await interaction.response.defer()
        await interaction.edit_original_response(content=" and ".join(user.name for user in select.values))

    @discord.ui.select(placeholder="Which", options=[discord.SelectOption(label="One", value="1")])
    async def which(self, interaction: discord.Interaction, select: discord.ui.Select) -> None:
        await interaction.response.send_message(f"chose {select.values[0]}")


class Commanded(Bot):
    """A bot with commands of every kind.  `given`: what they were called with."""

    async def setup_hook(self) -> None:
        self.given: list[Any] = []

        @self.tree.command(description="Ask")
        @app_commands.describe(question="What")
        async def ask(interaction: discord.Interaction, question: str, private: bool = False) -> None:
            await interaction.response.send_message(f"you asked {question}", view=Answer(), ephemeral=private)

        @self.tree.command(description="Think")
        async def think(interaction: discord.Interaction) -> None:
            await interaction.response.defer(thinking=True)
            await interaction.edit_original_response(content="thought")
            await interaction.followup.send("and more")

        @self.tree.command(description="Late answer")
        async def follow(interaction: discord.Interaction) -> None:
            await interaction.response.defer(thinking=True, ephemeral=True)
            await interaction.followup.send("in place of it")

        settings = app_commands.Group(
            name="settings", description="Settings", default_permissions=discord.Permissions(manage_guild=True)
        )

        @settings.command(description="Set")
        async def change(
            interaction: discord.Interaction,
            language: str,
            share: app_commands.Range[float, 0, 1],
            tries: app_commands.Range[int, 1, 9],
            member: discord.Member,
            place: discord.TextChannel,
            file: discord.Attachment,
        ) -> None:
            self.given.append((language, share, tries, member.id, place.id, await file.read()))
            await interaction.response.send_message("set")

        @change.autocomplete("language")
        async def languages(interaction: discord.Interaction, typed: str) -> list[app_commands.Choice[str]]:
            return [app_commands.Choice(name=one, value=one) for one in ("English", "Deutsch") if typed in one]

        self.tree.add_command(settings)

        @self.tree.context_menu(name="Explain")
        async def explain(interaction: discord.Interaction, message: discord.Message) -> None:
            await interaction.response.send_message(f"about {message.content}")

        @self.tree.context_menu(name="Greet")
        async def greet(interaction: discord.Interaction, user: discord.Member) -> None:
            await interaction.response.send_message(f"hello {user.name}")

        await self.tree.sync()


async def test_command_button_and_modal(local: Discord) -> None:
    """A person uses a command, says why with a modal, and clicks a button, which changes the message."""
    guild = local.guild()
    ada = local.person("Ada", guild)
    channel = guild.find("general")
    async with connected(Commanded(), local):
        asked = ada.use(channel, "ask", question="why?")
        answer = await asked.answered()
        assert answer.content == "you asked why?"
        assert channel.messages[answer.id] is answer
        assert buttons(answer) == ["Good", "Bad", "Docs"]
        opened = ada.click(answer, "Bad")
        await opened.until(lambda click: click.modal)
        with pytest.raises(ValueError, match="3 to"):
            ada.submit(opened, Why="no", kind=["Wrong"])
        told = await ada.submit(opened, Why="reasons", kind=["Wrong"]).answered()
        assert (told.content, told.ephemeral) == ("because reasons (w)", True)
        assert told.id not in channel.messages
        clicked = ada.click(answer, "good")
        await clicked.until(lambda click: click.callback)
        assert clicked.callback is Answered.UPDATE
        assert answer.content == "thank you"
        with pytest.raises(LookupError, match="disabled"):
            ada.click(answer, "Good")
        with pytest.raises(LookupError, match="link"):
            ada.click(answer, "Docs")


async def test_selects(local: Discord) -> None:
    """Chosen options and people arrive as they were chosen."""
    guild = local.guild()
    ada, bob = local.person("Ada", guild), local.person("Bob", guild)
    async with connected(Commanded(), local):
        answer = await ada.use(guild.find("general"), "ask", question="?").answered()
        chosen = await ada.select(answer, ["One"], "Which").answered()
        assert (chosen.content, chosen.reply_to) == ("chose 1", answer)
        deferred = bob.select(answer, [ada, bob], "Who")
        await local.until(lambda _: answer.content == "ada and bob")
        assert deferred.callback is Answered.DEFERRED_UPDATE
        with pytest.raises(ValueError, match="1 to 2 values"):
            bob.select(answer, [], "Who")


async def test_deferred_answer(local: Discord) -> None:
    """ "Is thinking..." becomes the answer, by an edit or by the first followup; what follows is another message."""
    guild = local.guild()
    ada = local.person("Ada", guild)
    async with connected(Commanded(), local):
        asked = ada.use(guild.find("general"), "think")
        await asked.until(lambda asked: asked.followups)
        assert asked.callback is Answered.DEFERRED_MESSAGE
        assert [message.content for message in asked.messages] == ["thought", "and more"]
        assert not asked.messages[0].loading
        followed = ada.use(guild.find("general"), "follow")
        answer = await followed.answered()
        assert (answer.content, answer.ephemeral, followed.followups) == ("in place of it", True, [])


async def test_options_of_every_type(local: Discord) -> None:
    """Values reach a subcommand as its types; what Discord's app would not send is refused here."""
    guild = local.guild()
    ada = local.person("Ada", guild, permissions=int(Permission.MANAGE_GUILD))
    channel = guild.find("general")
    options = {"language": "Deutsch", "share": 0.5, "tries": 3, "member": ada, "place": channel, "file": b"data"}
    async with connected(Commanded(), local) as bot:
        await ada.use(channel, "settings change", **options).answered()
        assert bot.given == [("Deutsch", 0.5, 3, ada.id, channel.id, b"data")]
        offered = ada.complete(channel, "settings change", "language", "Deu")
        await offered.until(lambda asked: asked.choices)
        assert [choice["name"] for choice in offered.choices] == ["Deutsch"]
        for wrong, error in (
            ({"tries": 10}, ValueError),
            ({"tries": "3"}, ValueError),
            ({"share": -0.1}, ValueError),
            ({"unknown": 1}, LookupError),
        ):
            with pytest.raises(error):
                ada.use(channel, "settings change", **(options | wrong))
        with pytest.raises(ValueError, match="needs"):
            ada.use(channel, "settings change")
        with pytest.raises(LookupError, match="settings change"):
            ada.use(channel, "settings")
        assert len(bot.given) == 1


async def test_only_what_is_offered(local: Discord) -> None:
    """Commands that need a permission are offered to those who have it; others' ephemeral messages to nobody."""
    guild = local.guild()
    ada, root = local.person("Ada", guild), local.person("Root", guild, permissions=int(Permission.ADMINISTRATOR))
    channel = guild.find("general")
    async with connected(Commanded(), local):
        assert "settings change" in root.commands(channel)
        assert "settings change" not in ada.commands(channel)
        with pytest.raises(LookupError, match="Ada is not offered 'settings'"):
            ada.use(channel, "settings change")
        private = await root.use(channel, "ask", question="?", private=True).answered()
        with pytest.raises(PermissionError, match="only Root sees"):
            ada.click(private, "Good")
        local.world.overwrite(channel, ada.user, deny=int(Permission.USE_APPLICATION_COMMANDS))
        assert ada.commands(channel) == []


async def test_context_menus_and_direct_messages(local: Discord) -> None:
    """Commands on messages and on people; commands in direct messages."""
    guild = local.guild()
    ada, bob = local.person("Ada", guild), local.person("Bob", guild)
    channel = guild.find("general")
    async with connected(Commanded(), local):
        asked = await ada.use_on(bob.post(channel, "mystery"), "Explain").answered()
        greeted = await ada.use_on(bob, "Greet", channel).answered()
        alone = await ada.use(ada.direct(), "ask", question="alone?").answered()
    assert [asked.content, greeted.content] == ["about mystery", "hello bob"]
    assert ada.direct().messages[alone.id] is alone


async def test_too_late_and_twice() -> None:
    """After its time an interaction is unknown (10062); a second response is refused (40060)."""
    errors = []

    class Late(Bot):
        async def setup_hook(self) -> None:
            @self.tree.command(description="Late")
            async def late(interaction: discord.Interaction) -> None:
                await local.until(lambda _: interaction.id in outdated)
                await self.attempt(interaction)

            @self.tree.command(description="Twice")
            async def twice(interaction: discord.Interaction) -> None:
                await interaction.response.send_message("once")
                interaction.response._response_type = None
                await self.attempt(interaction)

            await self.tree.sync()

        async def attempt(self, interaction: discord.Interaction) -> None:
            try:
                await interaction.response.send_message("again")
            except discord.HTTPException as error:
                errors.append(error.code)

    outdated: set[int] = set()
    async with Discord(Rules(answer_within=0.05)) as local:
        guild = local.guild()
        ada = local.person("Ada", guild)
        async with connected(Late(), local):
            late = ada.use(guild.find("general"), "late")
            with pytest.raises(TimeoutError):
                await late.until(lambda asked: asked.acknowledged, timeout=0.06)
            outdated.add(late.id)
            local.world.changes.tell()
            await late.until(lambda asked: asked.refused)
            local.world.rules = Rules()
            twice = ada.use(guild.find("general"), "twice")
            await twice.until(lambda asked: asked.refused)
            await local.until(lambda _: len(errors) == 2)
    assert errors == [10062, 40060]
    assert late.acknowledged is None
    assert [message.content for message in twice.messages] == ["once"]


async def test_followups_need_a_response_and_a_living_token() -> None:
    """Before the first response there is no webhook (10015); after the token's life it is invalid (50027)."""
    async with Discord() as local, aiohttp.ClientSession() as session:
        guild = local.guild()
        ada = local.person("Ada", guild)
        async with connected(Commanded(), local):
            pass  # the commands stay when the bot has gone
        asked = ada.use(guild.find("general"), "ask", question="?")

        async def post(path: str, body: dict[str, Any]) -> int | None:
            async with session.post(local.api + path, json=body) as answer:
                return None if answer.status == 204 else (await answer.json()).get("code")

        webhook, callback = (
            f"/webhooks/{local.bot.id}/{asked.token}",
            f"/interactions/{asked.id}/{asked.token}/callback",
        )
        assert await post(webhook, {"content": "early"}) == 10015
        assert await post(callback, {"type": 4, "data": {"content": "answer"}}) is None
        assert await post(webhook, {"content": "followup"}) is None
        local.world.rules = Rules(token_life=0.0)
        assert await post(webhook, {"content": "late"}) == 50027
    assert [message.content for message in asked.messages] == ["answer", "followup"]


async def test_commands_are_what_was_synced_last(unlimited: Discord) -> None:
    """A sync replaces all commands, those that stay keep their ids, and a guild's own come on top."""
    local = unlimited
    guild = local.guild()
    ada = local.person("Ada", guild)
    async with connected(Commanded(), local) as bot:
        before = {command.name: command.id for command in await bot.tree.fetch_commands()}
        bot.tree.remove_command("think")
        bot.tree.copy_global_to(guild=discord.Object(guild.id))
        await bot.tree.sync()
        after = {command.name: command.id for command in await bot.tree.fetch_commands()}
        await bot.tree.sync(guild=discord.Object(guild.id))
        own = [command.name for command in await bot.tree.fetch_commands(guild=discord.Object(guild.id))]
        assert after == {name: number for name, number in before.items() if name != "think"}
        assert set(own) == set(after)
        assert (await ada.use(guild.find("general"), "ask", question="own?").answered()).content == "you asked own?"


async def test_bodies_are_checked_as_documented(unlimited: Discord) -> None:
    """Components, modals, choices and commands that Discord refuses, with the field that is wrong."""
    local = unlimited
    guild = local.guild()
    ada = local.person("Ada", guild)
    button = {"type": 2, "style": 1, "custom_id": "b"}
    option = {"label": "o", "value": "v"}
    select = {"type": 3, "custom_id": "s", "options": [option]}
    command = {"name": "n", "description": "d"}

    def row(*inner: dict[str, Any]) -> dict[str, Any]:
        return {"content": "x", "components": [{"type": 1, "components": list(inner)}]}

    def modal(**changed: Any) -> dict[str, Any]:
        label = {"type": 18, "label": "l", "component": {"type": 4, "custom_id": "t", "style": 1}}
        return {"type": 9, "data": {"custom_id": "m", "title": "t", "components": [label], **changed}}

    async with connected(Commanded(), local), aiohttp.ClientSession() as session:
        session.headers["Authorization"] = f"Bot {local.token}"
        asked = ada.use(guild.find("general"), "think")
        posts, answers = (
            f"/channels/{guild.find('general').id}/messages",
            f"/interactions/{asked.id}/{asked.token}/callback",
        )
        commands = f"/applications/{local.bot.id}/commands"
        for path, body, field in (
            (posts, row(button, button), "components.0.components.1.custom_id"),
            (posts, row(select, button), "components.0.components"),
            (posts, row(*({**button, "custom_id": str(k)} for k in range(6))), "components.0.components"),
            (posts, row({"type": 2, "style": 5, "label": "l"}), "components.0.components.0.url"),
            (posts, row({**button, "label": "x" * 81}), "components.0.components.0.label"),
            (posts, row({**select, "options": [option] * 26}), "components.0.components.0.options"),
            (posts, row({**select, "options": [{**option, "label": ""}]}), "components.0.components.0.options.0.label"),
            (posts, {"components": [button]}, "components.0.type"),
            (posts, {"content": "x", "flags": 1 << 15, "components": [{"type": 10, "content": "y"}]}, "content"),
            (posts, {"content": 5}, "content"),
            (posts, {"poll": {"question": {"text": "q"}, "answers": []}}, "poll.answers"),
            (answers, modal(title="x" * 46), "data.title"),
            (answers, modal(components=[]), "data.components"),
            (answers, {"type": 7, "data": {"content": "nothing to update"}}, "type"),
            (answers, {"type": 8, "data": {"choices": []}}, "type"),
            (commands, {**command, "name": "No Name"}, "name"),
            (commands, {**command, "description": ""}, "description"),
            (commands, {**command, "options": [command, {**command, "required": True}]}, "options"),
            (commands, {**command, "options": [{"name": "o", "description": ""}]}, "options.0.description"),
        ):
            async with session.post(local.api + path, json=body) as refused:
                told = await refused.json()
            assert (refused.status, told["code"]) == (400, 50035), body
            for name in field.split("."):
                told = told.get("errors", told)[name]
            assert told["_errors"][0]["code"], body


async def test_where_a_message_comes_from(local: Discord) -> None:
    """discord.py finds in each answer what it answers: the command, the component, the modal, the first response."""
    guild = local.guild()
    ada = local.person("Ada", guild)
    channel = guild.find("general")
    async with connected(Commanded(), local) as bot:
        answer = await ada.use(channel, "ask", question="?").answered()
        chosen = await ada.select(answer, ["One"], "Which").answered()
        thought = ada.use(channel, "think")
        await thought.until(lambda asked: asked.followups)
        place = bot.get_channel(channel.id)
        first, second, third = [
            (await place.fetch_message(message.id)).interaction_metadata
            for message in (answer, chosen, thought.followups[0])
        ]
    assert (first.type, first.user.id) == (discord.InteractionType.application_command, ada.id)
    assert second.interacted_message_id == answer.id
    assert third.original_response_message_id == thought.response.id
