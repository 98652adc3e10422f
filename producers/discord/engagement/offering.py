"""Decides what follow-up to offer after an answer, and offers it."""

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import discord
import structlog

from producers.deciding import Choice
from producers.discord.aftermath import Aftermath
from producers.discord.analysis.parsing import analysis_of
from producers.discord.answered import AnsweredQuestion
from producers.discord.drafting import Drafting, cost_of, restrictions
from producers.discord.features import engagement_features
from producers.discord.ports import USER_ENGAGEMENT
from producers.discord.remembered import Made
from producers.discord.splitting import split
from producers.discord.words import say
from producers.providers import Unanswered
from schemas.observations import COST, DELETED, ERROR, LATENCY_MS, SUCCESS

from .buttons import questions_view
from .offers import NOTHING, OFFERS, POLL, QUESTIONS, impossible
from .parsing import poll_of, questions_of
from .prompts import request

if TYPE_CHECKING:
    from producers.discord.bot import CroupierBot

_POLL_LASTS: Final = timedelta(hours=1)  # Discord's shortest

_log = structlog.stdlib.get_logger(__name__)


class Offering:
    """Offers follow-ups."""

    def __init__(self, bot: "CroupierBot", drafting: Drafting, aftermath: Aftermath) -> None:
        self._bot = bot
        self._drafting = drafting
        self._aftermath = aftermath

    async def consider(self, told: AnsweredQuestion) -> Made | None:
        """Decide after an answer, and do it; None: nothing is decided here, or it was before."""
        people, seen = self._bot.parts.people, told.seen
        settings = self._bot.parts.settings.of(seen.tenant)
        offers = people.offers(seen.tenant, seen.user)
        if not settings.on(USER_ENGAGEMENT) or offers >= settings.engagement_per_day:
            return None
        choice = await self._choose(told, offers)
        unit = people.unit(seen.tenant, seen.user)
        made = Made(choice.id, seen.tenant, USER_ENGAGEMENT, choice.arm, not choice.on_fallback, told.message, unit)
        if not self._aftermath.remembered.made(made):
            return None
        if made.arm == NOTHING:
            await self._acted(made, "done", {SUCCESS: 1.0, ERROR: 0.0, COST: 0.0})
            return made
        began = time.monotonic()
        asked = request(made.arm, told.turns, told.answer.text, told.language)
        try:
            answer = await self._drafting.draft(seen.tenant, asked, made.decision)
        except Unanswered as error:
            await self._acted(made, "unanswered", {SUCCESS: 0.0, ERROR: 1.0, COST: cost_of(error.attempts)})
            return made
        message = _message(made, answer.text, told.language)
        if message is None:  # the model wrote nothing that can be offered
            await self._acted(made, "nothing", {SUCCESS: 0.0, ERROR: 1.0, COST: answer.cost_usd})
            return made
        shown = await self._show(told, made, message)
        if shown:
            await people.offered(seen.tenant, seen.user)
        latency = (time.monotonic() - began) * 1_000
        observed = {SUCCESS: 1.0, ERROR: 0.0, LATENCY_MS: latency} if shown else {SUCCESS: 0.0, DELETED: 1.0}
        await self._acted(made, "done" if shown else "unshown", {**observed, COST: answer.cost_usd})
        return made

    async def _acted(self, made: Made, how: str, observed: Mapping[str, float]) -> None:
        self._bot.metrics.offers.labels(made.arm, how).inc()
        await self._aftermath.acted(made, observed)

    async def _choose(self, told: AnsweredQuestion, offers: int) -> Choice:
        people, seen = self._bot.parts.people, told.seen
        sample = request(POLL, told.turns, told.answer.text, told.language)
        restricted = {
            **impossible(seen, told.conversation, may_poll=self._may_poll(seen.channel)),
            **restrictions(OFFERS, NOTHING, self._drafting.refusal(seen.tenant, sample)),
        }
        return await self._bot.parts.deciding.decide(
            seen.tenant,
            USER_ENGAGEMENT,
            engagement_features(seen, people.past(seen.tenant, seen.user), told.conversation, told.answered, offers),
            fallback=(NOTHING,),
            id=f"e-{told.message}-0",
            eligible=[each for each in OFFERS if each not in restricted],
            restrictions=restricted or None,
            unit=people.unit(seen.tenant, seen.user),
            after=None if told.choice.on_fallback else told.choice.id,
        )

    def _may_poll(self, number: int) -> bool:
        """Whether polls are allowed in a channel; where that is not known, it is tried."""
        channel = self._bot.get_channel(number)
        if not isinstance(channel, discord.abc.GuildChannel | discord.Thread) or channel.guild.me is None:
            return True
        return channel.permissions_for(channel.guild.me).send_polls

    async def _show(self, told: AnsweredQuestion, made: Made, message: dict[str, Any]) -> bool:
        """In reply to the answer; False: it or its channel is not there any more, or the bot may not write there."""
        guild = getattr(told.channel, "guild", None)
        reference = discord.MessageReference(
            message_id=told.message,
            channel_id=told.channel.id,
            guild_id=None if guild is None else guild.id,
            fail_if_not_exists=True,
        )
        try:
            sent = await told.channel.send(
                **message, reference=reference, mention_author=False, silent=True, nonce=f"{told.message:x}.e"
            )
        except discord.HTTPException as error:
            if error.status >= 500:
                raise
            _log.info("a follow-up can not be shown", arm=made.arm, status=error.status, code=error.code)
            return False
        self._aftermath.remembered.showed(made.decision, sent.id, sent.channel.id)
        return True


def _message(made: Made, text: str, language: str) -> dict[str, Any] | None:
    """What to send; None: the model's text has nothing of the kind."""
    if made.arm == QUESTIONS:
        questions = questions_of(text)
        if not questions:
            return None
        view = questions_view(made.tenant, made.decision, questions)
        return {"content": f"-# {say(language, 'engagement.next')}", "view": view}
    if made.arm == POLL:
        idea = poll_of(text)
        if idea is None:
            return None
        poll = discord.Poll(idea.question, _POLL_LASTS)
        for answer in idea.answers:
            poll.add_answer(text=answer)
        return {"poll": poll}
    found = analysis_of(text)
    if not found:
        return None
    lines = [f"**{say(language, 'engagement.so_far')}** {found.summary}", *(f"- {each}" for each in found.key_points)]
    return {"content": split("\n".join(lines))[0].text, "suppress_embeds": True}
