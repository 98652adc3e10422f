"""Follow-ups after answers, and what people make of them."""

import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

import discord
from discord.ext import commands

from producers.discord.aftermath import Aftermath
from producers.discord.answered import AnsweredQuestion
from producers.discord.drafting import Drafting
from producers.discord.feedback import reaction_value
from producers.discord.ports import USER_ENGAGEMENT
from producers.discord.remembered import Made
from producers.discord.tenants import tenant_of
from schemas.observations import CLICKED, DELETED, REACTION, REPLIED, VOTED

from .buttons import QuestionButton
from .offering import Offering

if TYPE_CHECKING:
    from producers.discord.bot import CroupierBot

#: Going on within so many seconds says something about the follow-up.
REPLY_SECONDS: Final = 120.0
_MOST_WAITING: Final = 10_000
_WHO_CHARACTERS: Final = 22

#: Channel and user.
_Place = tuple[int, int]


class UserEngagement(commands.Cog):
    """The part."""

    def __init__(self, bot: "CroupierBot", aftermath: Aftermath) -> None:
        self._bot = bot
        self._aftermath = aftermath
        parts = bot.parts
        self._offering = Offering(bot, Drafting(parts.answering, parts.settings, parts.models), aftermath)
        #: For the user's next message, and since when.
        self._waiting: OrderedDict[_Place, tuple[Made, float]] = OrderedDict()

    async def cog_load(self) -> None:
        """Be told of answers."""
        self._bot.add_dynamic_items(QuestionButton)
        self._bot.after_answer.append(self.answered)

    async def cog_unload(self) -> None:
        """No more."""
        self._bot.after_answer.remove(self.answered)
        self._bot.remove_dynamic_items(QuestionButton)

    async def answered(self, told: AnsweredQuestion) -> None:
        """After an answer."""
        made = await self._offering.consider(told)
        if made is not None:
            place = (told.channel.id, told.seen.user)
            self._waiting[place] = (made, time.monotonic())
            self._waiting.move_to_end(place)
            while len(self._waiting) > _MOST_WAITING:
                self._waiting.popitem(last=False)

    async def pressed(self, interaction: discord.Interaction[Any], tenant: str, decision: str, question: str) -> None:
        """A suggested question is asked, by whoever presses."""
        if tenant != tenant_of(interaction.guild_id) or not question:
            return  # not one of ours: a tenant's decisions are rated where they were made
        made = self._aftermath.remembered.by_decision(decision)
        if made is not None:
            await self._heard(made, CLICKED, interaction.user.id)
        asking: Any = self._bot.get_cog("Asking")
        await asking.by_interaction(interaction, question)

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        """The user goes on, maybe."""
        place = (message.channel.id, message.author.id)
        made, since = self._waiting.get(place, (None, 0.0))
        if made is None or message.id < made.source:
            return
        del self._waiting[place]
        if time.monotonic() - since <= REPLY_SECONDS:
            await self._heard(made, REPLIED, message.author.id)

    @commands.Cog.listener()
    async def on_raw_poll_vote_add(self, payload: discord.RawPollVoteActionEvent) -> None:
        """A vote in one of our polls."""
        if (made := self._ours(payload.message_id)) is not None and payload.user_id != self._bot.me:
            await self._heard(made, VOTED, payload.user_id)

    @commands.Cog.listener()
    async def on_raw_reaction_add(self, payload: discord.RawReactionActionEvent) -> None:
        """An emoji under a follow-up."""
        value = reaction_value(str(payload.emoji))
        if value is None or payload.user_id == self._bot.me or (payload.member and payload.member.bot):
            return
        if (made := self._ours(payload.message_id)) is not None:
            await self._heard(made, REACTION, payload.user_id, value)

    @commands.Cog.listener()
    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        """A follow-up was deleted."""
        made = self._ours(payload.message_id)
        if made is not None and self._aftermath.remembered.hidden(payload.message_id):
            await self._aftermath.heard(made, DELETED)

    async def _heard(self, made: Made, signal: str, user: int, value: float = 1.0) -> None:
        who = self._bot.parts.people.unit(made.tenant, user)[:_WHO_CHARACTERS]
        await self._aftermath.heard(made, signal, value, who)

    def _ours(self, message: int) -> Made | None:
        made = self._aftermath.remembered.by_message(message)
        return made if made is not None and made.domain == USER_ENGAGEMENT else None


async def setup(bot: "CroupierBot") -> None:
    """Add it."""
    await bot.add_cog(UserEngagement(bot, bot.aftermath))
