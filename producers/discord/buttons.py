"""The buttons under an answer.  They hold all that it takes to act on them, so they work after any restart."""

import re
from typing import TYPE_CHECKING, Any, Final, Self

import discord
from discord import ui

from .errors import explain
from .journal import Acted
from .words import say

if TYPE_CHECKING:
    from .bot import CroupierBot

_EMOJI: Final = {"up": "👍", "down": "👎", "again": "🔁"}
#: Discord allows 100 characters: a guild's tenant has at most 26, a decision 24.
_TEMPLATE: Final = (
    r"croupier:(?P<what>up|down|again):(?P<tenant>[a-z0-9-]{1,30}):(?P<decision>[a-z]-[0-9]{1,20}-[0-9]{1,3})"
)


class AnswerButton(ui.DynamicItem[ui.Button[Any]], template=_TEMPLATE):
    """Thumbs up, thumbs down, or another answer."""

    def __init__(self, what: str, tenant: str, decision: str, label: str | None = None) -> None:
        """label: in a language; Discord keeps what was shown."""
        super().__init__(
            ui.Button(
                style=discord.ButtonStyle.secondary,
                emoji=_EMOJI[what],
                label=label,
                custom_id=f"croupier:{what}:{tenant}:{decision}",
            )
        )
        self.what = what
        self.tenant = tenant
        self.decision = decision

    @classmethod
    async def from_custom_id(cls, _: discord.Interaction[Any], _item: ui.Item[Any], match: re.Match[str], /) -> Self:
        """Of a press, whichever process made the button."""
        return cls(match["what"], match["tenant"], match["decision"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """It was pressed.  discord.py would log errors with the id of the button."""
        bot: CroupierBot = interaction.client
        try:
            await bot.feedback.pressed(interaction, self.what, self.tenant, self.decision)
        except Exception as error:
            await explain(interaction, error, bot.language(self.tenant, interaction.locale.value))


def answer_view(tenant: str, acted: Acted, language: str) -> ui.View:
    """Under an answer.  What nobody decided is not rated: there is nothing to learn from it."""
    view = ui.View(timeout=None)
    for what in ("up", "down") if acted.recorded else ():
        view.add_item(AnswerButton(what, tenant, acted.decision))
    view.add_item(AnswerButton("again", tenant, acted.decision, say(language, "feedback.again")))
    return view
