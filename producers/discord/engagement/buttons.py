"""Suggested questions as buttons.  The question is the button's label, so a press can be acted on after any restart."""

import re
from collections.abc import Sequence
from typing import Any, Final, Self

import discord
from discord import ui

_TEMPLATE: Final = r"croupier:next:(?P<tenant>[a-z0-9-]{1,30}):(?P<decision>e-[0-9]{1,20}-[0-9]{1,3}):(?P<place>[0-9])"


class QuestionButton(ui.DynamicItem[ui.Button[Any]], template=_TEMPLATE):
    """Asks a suggested question."""

    def __init__(self, tenant: str, decision: str, place: int, question: str | None) -> None:
        """question: at most 80 characters."""
        super().__init__(
            ui.Button(
                style=discord.ButtonStyle.primary,
                label=question,
                custom_id=f"croupier:next:{tenant}:{decision}:{place}",
            )
        )
        self.tenant = tenant
        self.decision = decision
        self.question = question or ""

    @classmethod
    async def from_custom_id(cls, _: discord.Interaction[Any], item: ui.Item[Any], match: re.Match[str], /) -> Self:
        """Of a press, whichever process made the button."""
        question = item.label if isinstance(item, ui.Button) else None
        return cls(match["tenant"], match["decision"], int(match["place"]), question)

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """It was pressed."""
        cog: Any = interaction.client.get_cog("UserEngagement")
        if cog is not None:
            await cog.pressed(interaction, self.tenant, self.decision, self.question)


def questions_view(tenant: str, decision: str, questions: Sequence[str]) -> ui.View:
    """A row for each question: labels are long."""
    view = ui.View(timeout=None)
    for place, question in enumerate(questions):
        button = QuestionButton(tenant, decision, place, question)
        button.row = place
        view.add_item(button)
    return view
