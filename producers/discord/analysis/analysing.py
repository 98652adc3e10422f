"""Decides about a post, and does what was decided: nothing, or a summary in reply to it."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import discord
import structlog

from producers.deciding import Choice
from producers.discord.aftermath import Aftermath
from producers.discord.buttons import AnswerButton
from producers.discord.drafting import Drafting, cost_of, restrictions
from producers.discord.features import analysis_features
from producers.discord.places import kind_of
from producers.discord.ports import CONTENT_ANALYSIS, Seen
from producers.discord.remembered import Made
from producers.discord.splitting import split
from producers.providers import Unanswered
from schemas.observations import COST, DELETED, ERROR, LATENCY_MS, SUCCESS

from .fetching import Links
from .material import Material, Source
from .parsing import Analysis, analysis_of
from .posts import sources_of
from .prompts import DEPTHS, SKIP, request
from .rendering import rendered

if TYPE_CHECKING:
    from producers.discord.bot import CroupierBot

_log = structlog.stdlib.get_logger(__name__)

_NOTHING_DONE: Final[Mapping[str, float]] = {SUCCESS: 1.0, ERROR: 0.0, COST: 0.0}


class NothingToReadError(Exception):
    """There is no text in it, or a model made nothing of it.  cost: USD that it took to find out."""

    def __init__(self, cost: float = 0.0) -> None:
        super().__init__()
        self.cost = cost


class Analysing:
    """Analyses posts."""

    def __init__(self, bot: "CroupierBot", drafting: Drafting, aftermath: Aftermath, links: Links | None) -> None:
        self._bot = bot
        self._drafting = drafting
        self._aftermath = aftermath
        self._links = links

    async def consider(self, message: discord.Message, tenant: str, material: Material) -> None:
        """Decide about a post, and do it; once, whatever Discord repeats."""
        choice = await self._choose(message, tenant)
        unit = self._bot.parts.people.unit(tenant, message.author.id)
        made = Made(choice.id, tenant, CONTENT_ANALYSIS, choice.arm, not choice.on_fallback, message.id, unit)
        if not self._aftermath.remembered.made(made):
            return
        if choice.arm == SKIP:
            await self._acted(made, "done", _NOTHING_DONE)
            return
        began = time.monotonic()
        language = self._bot.language(tenant)
        try:
            text, cost = await self.summary(message, material, choice.arm, tenant, language, choice.id)
            shown = await self._show(message, made, text)
        except NothingToReadError as error:
            await self._acted(made, "nothing", {SUCCESS: 0.0, ERROR: 1.0, COST: error.cost})
        except Unanswered as error:
            await self._acted(made, "unanswered", {SUCCESS: 0.0, ERROR: 1.0, COST: cost_of(error.attempts)})
        else:
            latency = (time.monotonic() - began) * 1_000
            observed = {SUCCESS: 1.0, ERROR: 0.0, LATENCY_MS: latency} if shown else {SUCCESS: 0.0, DELETED: 1.0}
            await self._acted(made, "done" if shown else "unshown", {**observed, COST: cost})

    async def summary(
        self, message: discord.Message, material: Material, depth: str, tenant: str, language: str, call: str
    ) -> tuple[str, float]:
        """A post's summary as text to show, and its cost in USD.  NothingToReadError, Unanswered."""
        sources, whole = await sources_of(message.content, message.attachments, material, self._links)
        if not sources:
            raise NothingToReadError
        answer = await self._drafting.draft(tenant, request(depth, sources, language), call)
        analysis: Analysis = analysis_of(answer.text)
        if not analysis:
            raise NothingToReadError(answer.cost_usd)
        return rendered(analysis, language, whole=whole), answer.cost_usd

    def refusal(self, message: discord.Message, tenant: str, depth: str, language: str) -> str | None:
        """Why no model can be asked now (a restriction's reason); None: one can."""
        return self._drafting.refusal(tenant, request(depth, (Source("", message.content),), language))

    async def _acted(self, made: Made, how: str, observed: Mapping[str, float]) -> None:
        self._bot.metrics.analyses.labels(made.arm, how).inc()
        await self._aftermath.acted(made, observed)

    async def _choose(self, message: discord.Message, tenant: str) -> Choice:
        people, settings = self._bot.parts.people, self._bot.parts.settings.of(tenant)
        user = message.author.id
        restricted = restrictions(DEPTHS, SKIP, self.refusal(message, tenant, DEPTHS[-1], settings.language))
        return await self._bot.parts.deciding.decide(
            tenant,
            CONTENT_ANALYSIS,
            analysis_features(
                _seen(message, tenant),
                people.past(tenant, user),
                content=settings.content_features and people.consents(tenant, user),
            ),
            fallback=(SKIP,),
            id=f"a-{message.id}-0",
            eligible=[each for each in DEPTHS if each not in restricted],
            restrictions=restricted or None,
            unit=people.unit(tenant, user),
        )

    async def _show(self, message: discord.Message, made: Made, text: str) -> bool:
        """In reply to the post, thumbs under the last part; False: the post or the channel is not there any more."""
        parts = [each.text for each in split(text)]
        reference = message.to_reference(fail_if_not_exists=True)
        view = discord.ui.View(timeout=None)
        for what in ("up", "down"):
            view.add_item(AnswerButton(what, made.tenant, made.decision))
        try:
            for place, part in enumerate(parts):
                options: dict[str, Any] = {"view": view} if place == len(parts) - 1 else {}
                sent = await message.channel.send(
                    part,
                    reference=reference,
                    mention_author=False,
                    silent=True,
                    suppress_embeds=True,
                    nonce=f"{message.id:x}.a{place}",
                    **options,
                )
                self._aftermath.remembered.showed(made.decision, sent.id, sent.channel.id)
                reference = sent.to_reference(fail_if_not_exists=False)
        except discord.HTTPException as error:
            if error.status >= 500:
                raise
            _log.info("a summary can not be shown", status=error.status, code=error.code)
            return False
        return True


def _seen(message: discord.Message, tenant: str) -> Seen:
    images = sum((each.content_type or "").startswith("image/") for each in message.attachments)
    hour = message.created_at.hour + message.created_at.minute / 60
    return Seen(
        tenant, message.author.id, message.content, message.channel.id, kind_of(message.channel), hour,
        len(message.attachments), images, 0, None,
    )  # fmt: skip
