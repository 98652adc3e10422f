"""What people say about answers: by buttons and reactions, and by asking again, replying, or deleting.

Each is a component of the reward with an id of its own.  It is safe before Discord is told that we have it; of each
component the first one counts, and people are told so.
"""

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

import discord

from schemas.observations import DELETED, ERROR, FALLBACK, REACTION, REGENERATED, REPLIED, THUMBS

from .answerer import Answerer
from .journal import Question
from .pace import Pace
from .places import replied_to, tenant_in
from .recording import Recording
from .tenants import DIRECT, tenant_of
from .words import say

if TYPE_CHECKING:
    from .bot import CroupierBot

#: What an emoji under an answer says: 1 pleased, 0 not; others say nothing that can be relied on.
PLEASED: Final = frozenset("👍❤🧡💛💚💙💜🖤🤍🩷🎉🙏💯🔥👏🙌😍🥰😀😃😄😁😊🤩😻⭐🌟✅🏆💪👌🚀🫶")
DISPLEASED: Final = frozenset("👎😡😠🤬😞😒🙄💩🤮🤢❌🚫😤😕☹🙁🥱🤦🗑")
#: Answers to the same question, the first one included.
_MOST_ANSWERS: Final = 4
_WHO_CHARACTERS: Final = 22
_SETTLED_AT_ONCE: Final = 50  # so that nobody else waits


def reaction_value(emoji: str) -> float | None:
    """What it says; None: nothing."""
    sign = emoji[:1]  # without skin tone and variation selector
    if sign in PLEASED:
        return 1.0
    return 0.0 if sign in DISPLEASED else None


class Feedback:
    """Takes it down."""

    def __init__(self, bot: "CroupierBot", answerer: Answerer, recording: Recording, pace: Pace) -> None:
        self._bot = bot
        self._answerer = answerer
        self._recording = recording
        self._pace = pace

    async def pressed(self, interaction: discord.Interaction[Any], what: str, tenant: str, decision: str) -> None:
        """A button under an answer."""
        if tenant != tenant_of(interaction.guild_id):
            self._bot.metrics.strange.inc()  # not one of ours: a tenant's decisions are rated where they were made
            return
        language = self._bot.language(tenant, interaction.locale.value)
        if what == "again":
            problem = await self._again(interaction, tenant, language)
            if problem is None:
                await interaction.response.defer()
            else:
                await interaction.response.send_message(problem, ephemeral=True)
            return
        value = 1.0 if what == "up" else 0.0
        heard = await self._hear(tenant, decision, THUMBS, value, interaction.user.id)
        if heard:
            await self._bot.parts.people.rated(tenant, interaction.user.id, value)
        texts = {True: "feedback.thanks", False: "feedback.counted_before", None: "feedback.unrecorded"}
        await interaction.response.send_message(say(language, texts[heard]), ephemeral=True)

    async def reacted(self, message: int, user: int, emoji: str) -> None:
        """An emoji under a message."""
        value = reaction_value(emoji)
        question = None if value is None else self._bot.journal.answered_by(message)
        if question is None or question.acted is None or value is None:
            return
        if await self._hear(question.tenant, question.acted.decision, REACTION, value, user):
            await self._bot.parts.people.rated(question.tenant, user, value)

    async def replied(self, message: discord.Message) -> None:
        """Somebody has written; if it goes on from an answer soon enough, that says something about the answer."""
        above = replied_to(message)
        if above is not None:
            question = self._bot.journal.answered_by(above)
        elif tenant_in(message) == DIRECT:
            question = self._bot.journal.last_in(DIRECT, message.channel.id, before=message.id)
        else:
            return
        if question is None or question.acted is None:
            return
        ended = question.ended or time.time()
        if message.created_at.timestamp() - ended <= self._pace.replied:
            await self._hear(question.tenant, question.acted.decision, REPLIED, 1.0)

    async def deleted(self, message: int) -> None:
        """A message is there no more: an answer, a question that was answered, or one that is being answered."""
        if self._answerer.withdraw(message):
            return
        question = self._bot.journal.answered_by(message) or self._bot.journal.last_answer(message)
        if question is not None and question.acted is not None and question.state == "done":
            await self._hear(question.tenant, question.acted.decision, DELETED, 1.0)

    async def settle(self) -> None:
        """Record about answers that are old enough that people were silent: of what they could do, they did not."""
        while questions := self._bot.journal.to_settle(time.time() - self._pace.settle, _SETTLED_AT_ONCE):
            recorded = await asyncio.gather(*(self._settled(each) for each in questions))
            self._bot.journal.settled([each.id for each, done in zip(questions, recorded, strict=True) if done])
            if not all(recorded):
                return  # with the next sweep

    async def _settled(self, question: Question) -> bool:
        """False: it could not be recorded."""
        acted = question.acted
        if acted is None or not acted.recorded or not question.rewards or _unanswered(question):
            return True
        heard = self._bot.journal.heard
        absent = [name for name in (REPLIED, REGENERATED, DELETED) if not heard(acted.decision, name)]
        if not absent:
            return True
        return await self._recording.observe(question.tenant, acted.decision, dict.fromkeys(absent, 0.0), "silence")

    async def _again(self, interaction: discord.Interaction[Any], tenant: str, language: str) -> str | None:
        """Another answer is wanted; why there will be none, if so."""
        message = interaction.message
        before = None if message is None else self._bot.journal.answered_by(message.id)
        if before is None or before.tenant != tenant:
            return say(language, "feedback.too_old")
        if not before.asker or before.asker != self._bot.parts.people.unit(tenant, interaction.user.id):
            return say(language, "feedback.only_asker")
        if before.state == "open":
            return say(language, "feedback.writing")
        if len(self._bot.journal.others(before)) + 1 >= _MOST_ANSWERS:
            return say(language, "feedback.enough")
        first = self._bot.journal.question(before.first)
        if first is None or (first.kind == "command" and first.given is None):
            return say(language, "feedback.too_old")
        if self._bot.stopping:
            return say(language, "refusals.restarting")
        if before.acted is not None:
            await self._hear(tenant, before.acted.decision, REGENERATED, 1.0)
        again = Question(interaction.id, "again", tenant, before.channel, before.first, asker=before.asker)
        self._answerer.take(again, None, interaction.user.id, before=before.id)
        return None

    async def _hear(
        self, tenant: str, decision: str, component: str, value: float, user: int | None = None
    ) -> bool | None:
        who = "" if user is None else self._bot.parts.people.unit(tenant, user)[:_WHO_CHARACTERS]
        return await self._recording.hear(tenant, decision, component, value, who)


def _unanswered(question: Question) -> bool:
    rewards = question.rewards or {}
    return rewards.get(ERROR, 0.0) > 0 and not rewards.get(FALLBACK, 0.0) > 0
