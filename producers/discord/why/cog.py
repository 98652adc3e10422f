"""/why: the last decision about somebody; and the menu entry of a message: the decision about that."""

from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands
from discord.ext import commands

from producers.discord.aftermath import Aftermath
from producers.discord.answered import AnsweredQuestion
from producers.discord.journal import Question
from producers.discord.ports import MODEL_ROUTING
from producers.discord.remembered import Made
from producers.discord.tenants import tenant_of
from producers.discord.words import label, say

from .known import Note, Recent, from_log
from .told import told

if TYPE_CHECKING:
    from producers.discord.bot import CroupierBot


class Why(commands.Cog):
    """The part."""

    def __init__(self, bot: "CroupierBot", aftermath: Aftermath) -> None:
        self._bot = bot
        self._aftermath = aftermath
        self._recent = Recent()
        self._menu = app_commands.ContextMenu(name=label("why.menu"), callback=self.why_this)

    async def cog_load(self) -> None:
        """Begin."""
        self._bot.tree.add_command(self._menu)
        self._bot.after_answer.append(self._answered)

    async def cog_unload(self) -> None:
        """End."""
        self._bot.tree.remove_command(self._menu.name, type=discord.AppCommandType.message)
        self._bot.after_answer.remove(self._answered)

    @app_commands.command(name="why", description=label("why.command_description"))
    async def why(self, interaction: discord.Interaction[Any]) -> None:
        """The last decision about a question of this person."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        tenant, language = self._where(interaction)
        asker = self._bot.parts.people.unit(tenant, interaction.user.id)
        question = self._bot.journal.last_of(tenant, asker)
        note = None if question is None else self._of_question(question)
        await self._answer(interaction, tenant, note, question, language, say(language, "why.nothing_yet"))

    async def why_this(self, interaction: discord.Interaction[Any], message: discord.Message) -> None:
        """The decision about a message, or about what it answers."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        tenant, language = self._where(interaction)
        journal = self._bot.journal
        question = journal.answered_by(message.id) or journal.last_answer(message.id)
        note = None if question is None or question.tenant != tenant else self._of_question(question)
        if note is None:
            made = self._aftermath.remembered.by_message(message.id) or self._aftermath.remembered.by_source(message.id)
            note = None if made is None or made.tenant != tenant else self._of_choice(made)
        await self._answer(interaction, tenant, note, question, language, say(language, "why.not_known"))

    async def _answer(
        self,
        interaction: discord.Interaction[Any],
        tenant: str,
        note: Note | None,
        question: Question | None,
        language: str,
        otherwise: str,
    ) -> None:
        if note is None:
            await interaction.followup.send(otherwise, ephemeral=True)
            return
        explanation = None if note.switched_off else await self._bot.parts.figures.explanation(tenant, note.decision)
        if explanation is not None:
            known = from_log(explanation, note)
        else:
            known = note.known((question.rewards if question is not None else None) or {})
        await interaction.followup.send(told(known, language), ephemeral=True, suppress_embeds=True)

    async def _answered(self, answered: AnsweredQuestion) -> None:
        self._recent.remember(answered.choice)

    def _of_question(self, question: Question) -> Note | None:
        acted = question.acted
        if acted is None:
            return None
        return Note(
            acted.decision,
            MODEL_ROUTING,
            acted.arm,
            fallback=acted.arms is None and acted.recorded,
            arms=acted.arms,
            chances=self._recent.chances(acted.decision),
            switched_off=not acted.recorded,
        )

    def _of_choice(self, made: Made) -> Note:
        return Note(made.decision, made.domain, made.arm, fallback=not made.followed)

    def _where(self, interaction: discord.Interaction[Any]) -> tuple[str, str]:
        tenant = tenant_of(interaction.guild_id)
        return tenant, self._bot.language(tenant, interaction.locale.value)


async def setup(bot: "CroupierBot") -> None:
    """Add it."""
    await bot.add_cog(Why(bot, bot.aftermath))
