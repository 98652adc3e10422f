"""Commands, buttons, selects and modals, through discord.py's own command tree and views."""

import discord
import pytest

from infra.standins.discord import Answered, Discord, Rules
from tests.standins.clients import Bot, connected


class Commanded(Bot):
    """A bot with a slash command that answers with a button, and a button that opens a modal."""

    async def setup_hook(self) -> None:
        @self.tree.command(description="Ask")
        async def ask(interaction: discord.Interaction, question: str, private: bool = False) -> None:
            await interaction.response.send_message(f"you asked {question}", view=Answer(), ephemeral=private)

        @self.tree.command(description="Think")
        async def think(interaction: discord.Interaction) -> None:
            await interaction.response.defer(thinking=True)
            await interaction.edit_original_response(content="thought")
            await interaction.followup.send("and more")

        await self.tree.sync()


class Tell(discord.ui.Modal, title="Tell"):
    why = discord.ui.TextInput(label="Why")

    async def on_submit(self, interaction: discord.Interaction) -> None:
        await interaction.response.send_message(f"because {self.why.value}", ephemeral=True)


class Answer(discord.ui.View):
    @discord.ui.button(label="Good", custom_id="good")
    async def good(self, interaction: discord.Interaction, button: discord.ui.Button) -> None:
        button.disabled = True
        await interaction.response.edit_message(content="thank you", view=self)

    @discord.ui.button(label="Bad", custom_id="bad")
    async def bad(self, interaction: discord.Interaction, button: discord.ui.Button) -> None:
        await interaction.response.send_modal(Tell())


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
        opened = ada.click(answer, "Bad")
        await opened.until(lambda click: click.modal)
        told = await ada.submit(opened, Why="reasons").answered()
        assert (told.content, told.ephemeral) == ("because reasons", True)
        clicked = ada.click(answer, "good")
        await clicked.until(lambda click: click.callback)
        assert clicked.callback is Answered.UPDATE
        assert answer.content == "thank you"
        with pytest.raises(LookupError, match="disabled"):
            ada.click(answer, "Good")


async def test_deferred_answer(local: Discord) -> None:
    """ "Is thinking..." becomes the answer; what follows is another message."""
    guild = local.guild()
    ada = local.person("Ada", guild)
    async with connected(Commanded(), local):
        asked = ada.use(guild.find("general"), "think")
        await asked.until(lambda asked: asked.followups)
    assert asked.callback is Answered.DEFERRED_MESSAGE
    assert [message.content for message in asked.messages] == ["thought", "and more"]
    assert not asked.messages[0].loading


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
            twice = ada.use(guild.find("general"), "twice")
            await twice.until(lambda asked: asked.refused)
            await local.until(lambda _: len(errors) == 2)
    assert errors == [10062, 40060]
    assert late.acknowledged is None
