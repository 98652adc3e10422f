"""`/settings`: shows what is in force, and changes it.

Every control carries what it does in its custom id and nothing is kept between two clicks, so a message that was opened
before the bot was started again still works.
"""

from typing import Any, Self

import discord
import structlog
from discord import app_commands, ui
from discord.ext import commands

from producers.discord.bot import CroupierBot
from producers.discord.errors import explain
from producers.discord.ports import GuildSettings
from producers.discord.tenants import tenant_of
from producers.discord.words import label, say

from .changes import Offer, RefusedError, changed, check_budget
from .pages import Shown, controls, text

Interaction = discord.Interaction[CroupierBot]

#: After a choice the page that it was made on is shown again.
_PAGE_OF = {"allow-all": "models", "channels": "analysis", "cap": "engagement"}
_MODAL_TIMEOUT_S = 900.0

_log = structlog.stdlib.get_logger(__name__)


class Settings(commands.Cog):
    """The command."""

    @app_commands.command(name="settings", description=label("settings.command_description"))
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
    async def settings(self, interaction: Interaction) -> None:
        """Show what is in force, to this person alone."""
        if not await _may_change(interaction):
            return
        shown = _shown(interaction)
        await interaction.response.send_message(text(shown, "overview"), view=_view(shown, "overview"), ephemeral=True)


class Control(ui.DynamicItem[ui.Item[Any]], template=r"settings:(?P<what>[a-z]+(?:-[a-z0-9]+)?)"):
    """A menu or a button of any page."""

    def __init__(self, item: ui.Item[Any], what: str = "") -> None:
        super().__init__(item)
        self._what = what

    @classmethod
    async def from_custom_id(cls, interaction: Any, item: ui.Item[Any], match: Any, /) -> Self:  # noqa: ARG003
        """As Discord sends it."""
        return cls(item, match["what"])

    async def callback(self, interaction: Any) -> None:
        """Do it; discord.py would only log what fails here."""
        try:
            await _act(interaction, self._what, _values(interaction))
        except Exception as error:
            await explain(interaction, error, _language(interaction))


class BudgetForm(ui.Modal):
    """Asks for an amount."""

    def __init__(self, shown: Shown) -> None:
        super().__init__(title=say(shown.language, "settings.name_budget"), timeout=_MODAL_TIMEOUT_S)
        budget = shown.settings.monthly_budget_usd
        self._amount: ui.TextInput[Any] = ui.TextInput(
            label=say(shown.language, "settings.budget_field"),
            placeholder=say(shown.language, "settings.budget_example"),
            default=None if budget is None else f"{budget:.2f}",
            required=False,
            max_length=20,
        )
        self.add_item(self._amount)

    async def on_submit(self, interaction: Any, /) -> None:
        """Change it."""
        if await _may_change(interaction):
            await _change(interaction, "budget", [self._amount.value])

    async def on_error(self, interaction: Any, error: Exception, /) -> None:  # type: ignore[override]
        """Tell and log."""
        await explain(interaction, error, _language(interaction))


async def setup(bot: CroupierBot) -> None:
    """Add the command and its controls."""
    bot.add_dynamic_items(Control)
    await bot.add_cog(Settings())


async def _act(interaction: Interaction, what: str, values: list[str]) -> None:
    if not await _may_change(interaction):
        return
    if what == "open-budget":
        await interaction.response.send_modal(BudgetForm(_shown(interaction)))
    elif what in {"page", "back"}:
        page = values[0] if what == "page" else "overview"
        shown = _shown(interaction)
        await interaction.response.edit_message(content=text(shown, page), view=_view(shown, page))
    else:
        await _change(interaction, what, values)


async def _change(interaction: Interaction, what: str, values: list[str]) -> None:
    store, tenant = interaction.client.parts.settings, tenant_of(interaction.guild_id)
    await interaction.response.defer()  # the disk and Kafka may take longer than Discord waits
    before = store.of(tenant)
    try:
        after = changed(before, what, values, _offer(interaction))
        check_budget(after, store.least_budget(after))
    except RefusedError as refused:
        note = say(_language(interaction), refused.key, **refused.values)
    else:
        note = await _keep(interaction, tenant, before, after)
    page = _PAGE_OF.get(what, what.partition("-")[0])
    shown = _shown(interaction)
    await interaction.edit_original_response(content=text(shown, page, note), view=_view(shown, page))


async def _keep(interaction: Interaction, tenant: str, before: GuildSettings, after: GuildSettings) -> str:
    """Put a change into force; what to say of it."""
    if after == before:
        return say(_language(interaction), "settings.unchanged")
    published = await interaction.client.parts.settings.change(tenant, after)
    fields = [name for name in after.__struct_fields__ if getattr(after, name) != getattr(before, name)]
    _log.info("settings changed", tenant=tenant, fields=fields, published=published)
    return say(_language(interaction), "settings.saved" if published else "settings.saved_later")


async def _may_change(interaction: Interaction) -> bool:
    """Whether this person may; who may not is told so.  Rights may have changed since the message was opened."""
    if interaction.guild_id is None:
        allowed, refusal = await interaction.client.is_owner(interaction.user), "settings.refused_owner"
    else:
        allowed, refusal = interaction.permissions.manage_guild, "settings.refused_permission"
    if not allowed:
        await interaction.response.send_message(say(_language(interaction), refusal), ephemeral=True)
    return allowed


def _shown(interaction: Interaction) -> Shown:
    store, tenant = interaction.client.parts.settings, tenant_of(interaction.guild_id)
    settings = store.of(tenant)
    guild = interaction.guild
    there = {each for each in settings.analysis_channels if guild is not None and guild.get_channel(each)}
    return Shown(
        settings,
        _offer(interaction),
        store.spent_this_month(tenant),
        _language(interaction),
        interaction.guild_id is None,
        frozenset(there),
    )


def _offer(interaction: Interaction) -> Offer:
    parts = interaction.client.parts
    return Offer(parts.models, parts.settings.usual_prices())


def _language(interaction: Interaction) -> str:
    guild = None if interaction.guild_id is None else discord.Object(interaction.guild_id)
    return interaction.client.language_in(guild, interaction.locale)


def _view(shown: Shown, page: str) -> ui.View:
    view = ui.View(timeout=None)
    for item in controls(shown, page):
        view.add_item(Control(item))
    return view


def _values(interaction: Interaction) -> list[str]:
    data: Any = interaction.data or {}
    return list(data.get("values", ()))
