"""What a person reads when a command, button or menu fails, and what the operator's log says of it."""

import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands

from .words import say

if TYPE_CHECKING:
    from .bot import CroupierBot


def apology(error: BaseException, language: str) -> str:
    """What to tell the person whose command failed with this, in a sentence or two."""
    if isinstance(error, app_commands.NoPrivateMessage):
        return say(language, "errors.guild_only")
    if isinstance(error, app_commands.MissingPermissions):
        return say(language, "errors.missing_permissions")
    if isinstance(error, app_commands.BotMissingPermissions):
        return say(language, "errors.bot_missing_permissions", permissions=", ".join(error.missing_permissions))
    if isinstance(error, app_commands.CommandOnCooldown):
        return say(language, "errors.cooldown", seconds=max(1, round(error.retry_after)))
    return say(language, "errors.unexpected")


def expected(error: BaseException) -> bool:
    """Whether this is the doing of whoever gave the command, and no defect."""
    return isinstance(error, app_commands.CheckFailure)


def told(error: BaseException) -> dict[str, str]:
    """Kind and place of an error, for the log; not its text, which may hold what somebody wrote."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [each for each in frames if "producers" in each.filename or "infra" in each.filename] or frames[-1:]
    place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "?"
    found = {"error": type(error).__name__, "at": place}
    if isinstance(error, discord.HTTPException):
        found |= {"status": str(error.status), "code": str(error.code)}
    return found


async def explain(interaction: discord.Interaction[Any], error: BaseException, language: str) -> None:
    """Tell the person, and nobody else; log what was not expected, without ids and texts."""
    error = getattr(error, "original", error)
    bot: CroupierBot = interaction.client
    if not expected(error):
        bot.failed(interaction.type.name, error)
    text = apology(error, language)
    try:
        if interaction.response.is_done():
            await interaction.followup.send(text, ephemeral=True)
        else:
            await interaction.response.send_message(text, ephemeral=True)
    except discord.HTTPException as failed:  # it has expired, or Discord is away: nobody can be told
        bot.failed("telling of a failure", failed)
