"""`/privacy`: what is kept of a person, for that person."""

import io
from datetime import UTC, datetime
from typing import Any, Final, Literal, Self

import discord
import msgspec
from discord import app_commands, ui
from discord.ext import commands

from producers.discord.bot import CroupierBot
from producers.discord.errors import explain
from producers.discord.tenants import tenant_of
from producers.discord.words import label, say

from .askers import Askers

Interaction = discord.Interaction[CroupierBot]
Where = Literal["here", "everywhere"]

_WHERE: Final = [
    app_commands.Choice(name=label(f"privacy.where_{where}"), value=where) for where in ("here", "everywhere")
]


@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
class Privacy(commands.GroupCog, group_name="privacy", group_description=label("privacy.group_description")):
    """The commands."""

    @app_commands.command(name="about", description=label("privacy.about_description"))
    async def about(self, interaction: Interaction) -> None:
        """What is kept, in plain words."""
        language, tenant = _language(interaction), tenant_of(interaction.guild_id)
        parts = interaction.client.parts
        consents = parts.people.consents(tenant, interaction.user.id)
        used = parts.settings.of(tenant).content_features
        consent = "consent_no" if not consents else "consent_yes" if used else "consent_unused"
        text = say(language, "privacy.about", consent=say(language, f"privacy.{consent}"))
        await interaction.response.send_message(text, ephemeral=True)

    @app_commands.command(name="export", description=label("privacy.export_description"))
    @app_commands.describe(where=label("privacy.where_description"))
    @app_commands.choices(where=_WHERE)
    async def export(self, interaction: Interaction, where: str = "here") -> None:
        """All that is kept, as a file that only this person sees."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        language, people, user = _language(interaction), interaction.client.parts.people, interaction.user.id
        places = [_readable(await people.export(tenant, user)) for tenant in await _tenants(interaction, where)]
        document = {
            "exported_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "kept": places,
            "log_of_decisions": say(language, "privacy.export_log"),
        }
        data = msgspec.json.format(msgspec.json.encode(document), indent=2)
        await interaction.followup.send(
            say(language, "privacy.exported", count=len(places)),
            file=discord.File(io.BytesIO(data), "privacy.json"),
            ephemeral=True,
        )

    @app_commands.command(name="delete", description=label("privacy.delete_description"))
    @app_commands.describe(where=label("privacy.where_description"))
    @app_commands.choices(where=_WHERE)
    async def delete(self, interaction: Interaction, where: str = "here") -> None:
        """Ask once more, because it can not be undone."""
        language = _language(interaction)
        view = ui.View(timeout=None)
        view.add_item(DeleteButton(where, say(language, "privacy.delete_button")))
        await interaction.response.send_message(
            say(language, f"privacy.delete_question_{where}"), view=view, ephemeral=True
        )

    @app_commands.command(name="opt-in", description=label("privacy.opt_in_description"))
    async def opt_in(self, interaction: Interaction) -> None:
        """Allow features made from words."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        tenant, parts = tenant_of(interaction.guild_id), interaction.client.parts
        await parts.people.opt_in(tenant, interaction.user.id, True)
        key = "privacy.opted_in" if parts.settings.of(tenant).content_features else "privacy.opted_in_unused"
        await interaction.followup.send(say(_language(interaction), key), ephemeral=True)

    @app_commands.command(name="opt-out", description=label("privacy.opt_out_description"))
    async def opt_out(self, interaction: Interaction) -> None:
        """Allow them no longer."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        tenant = tenant_of(interaction.guild_id)
        await interaction.client.parts.people.opt_in(tenant, interaction.user.id, False)
        await interaction.followup.send(say(_language(interaction), "privacy.opted_out"), ephemeral=True)


class DeleteButton(ui.DynamicItem[ui.Button[Any]], template=r"privacy:delete:(?P<where>here|everywhere)"):
    """Deletes; works also when the bot was started again since it was asked."""

    def __init__(self, where: str, words: str = "...") -> None:
        super().__init__(ui.Button(custom_id=f"privacy:delete:{where}", label=words, style=discord.ButtonStyle.danger))
        self._where = where

    @classmethod
    async def from_custom_id(cls, interaction: Any, item: Any, match: Any, /) -> Self:  # noqa: ARG003
        """As Discord sends it."""
        return cls(match["where"])

    async def callback(self, interaction: Any) -> None:
        """Do it; discord.py would only log what fails here."""
        language = _language(interaction)
        try:
            await interaction.response.defer()
            people, user = interaction.client.parts.people, interaction.user.id
            count = sum([await people.forget(tenant, user) for tenant in await _tenants(interaction, self._where)])
            text = say(language, "privacy.deleted", count=count) if count else say(language, "privacy.deleted_nothing")
            await interaction.edit_original_response(content=text, view=None)
        except Exception as error:
            await explain(interaction, error, language)


async def setup(bot: CroupierBot) -> None:
    """Add the commands and the button."""
    bot.parts.people.keeps(Askers(bot.journal))
    bot.add_dynamic_items(DeleteButton)
    await bot.add_cog(Privacy())


async def _tenants(interaction: Interaction, where: str) -> list[str]:
    """The tenant of this place, or all in which something is kept of the person."""
    here = tenant_of(interaction.guild_id)
    if where == "here":
        return [here]
    known = await interaction.client.parts.people.known(interaction.user.id)
    return [here, *(tenant for tenant in known if tenant != here)]


def _readable(kept: Any, name: str = "") -> Any:
    """Times (their names end with `_at`) as people read them."""
    if isinstance(kept, dict):
        return {each: _readable(value, each) for each, value in kept.items()}
    if isinstance(kept, list):
        return [_readable(each, name) for each in kept]
    if isinstance(kept, float) and name.endswith("_at"):
        return datetime.fromtimestamp(kept, UTC).isoformat(timespec="seconds")
    return kept


def _language(interaction: Interaction) -> str:
    guild = None if interaction.guild_id is None else discord.Object(interaction.guild_id)
    return interaction.client.language_in(guild, interaction.locale)
