"""Answers each question once: from taking it on, by way of decision and model, to what came of it.

What happens when the process ends in between is in docs/decisions/0013-answering-once.md.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

import discord

from producers.deciding import Choice
from producers.providers import Message, Request, Unanswered
from schemas.observations import COST, DELETED, ERROR, SUCCESS, UNFOLLOWED

from .answered import AnsweredQuestion
from .asked import Asked
from .buttons import answer_view
from .choosing import Choosing, RefusedError
from .delivery import Delivery, GoneError
from .gathering import Gathering, WithdrawnError
from .growing import Growing
from .insisting import insist, passing
from .journal import Acted, Question
from .observed import of_answer
from .places import place
from .ports import MODEL_ROUTING, Answered
from .recording import Recording
from .streaming import Streaming
from .tasks import Tasks
from .typing_sign import TypingSign
from .words import say

if TYPE_CHECKING:
    from .bot import CroupierBot

Gather = Callable[[], Awaitable[Asked]]
Who = tuple[str, int]  # tenant and user
#: Is told of every answer that can be seen.
Told = Callable[[AnsweredQuestion], None]


class Answerer:
    """A task for each question that is open."""

    def __init__(
        self, bot: "CroupierBot", choosing: Choosing, streaming: Streaming, recording: Recording, told: Told
    ) -> None:
        self._bot = bot
        self._choosing = choosing
        self._streaming = streaming
        self._recording = recording
        self._pace = pace = bot.pace
        self._told = told
        self._gathering = Gathering(bot, pace.deliver)
        self._sign = TypingSign(pace.typing_after)
        self._tasks = Tasks(bot.metrics.running.set)
        self._slots = asyncio.Semaphore(pace.running)
        self._asking: Counter[Who] = Counter()
        self._withdrawn: set[int] = set()

    @property
    def running(self) -> int:
        """Questions that are being answered."""
        return len(self._tasks)

    def take(
        self,
        question: Question,
        gather: Gather | None,
        user: int,
        *,
        before: int | None = None,
        acknowledge: Callable[[], Awaitable[None]] | None = None,
    ) -> bool:
        """Take on a question; False: it is known already.

        gather: None: as after a restart.  before: the question whose answer this one's takes the place of.
        acknowledge: comes first, when it is noted that there is a question.
        """
        journal = self._bot.journal
        if not (journal.begin(question) if before is None else journal.begin_again(question, before)):
            return False
        self._bot.metrics.questions.labels(question.kind).inc()
        self._run(question, gather, (question.tenant, user), acknowledge, resumed=False)
        return True

    def resume(self, question: Question) -> None:
        """Go on with one that another process has begun, or this one could not end."""
        if question.id in self._tasks:
            return
        self._bot.metrics.resumed.inc()
        if question.state == "shown":
            self._tasks.run(question.id, self._guarded(question, partial(self._recording.answer, question.id)))
        else:
            self._run(question, None, None, None, resumed=True)

    def withdraw(self, number: int) -> bool:
        """Who asked has deleted the question: what there is of an answer goes.  False: it is not being answered."""
        if number not in self._tasks:
            return False
        self._withdrawn.add(number)
        return self._tasks.cancel(number)

    async def stop(self) -> int:
        """Let answers end that are being given; how many did not, and are gone on with after the restart."""
        return await self._tasks.stop(self._pace.stop)

    def _run(
        self,
        question: Question,
        gather: Gather | None,
        who: Who | None,
        acknowledge: Callable[[], Awaitable[None]] | None,
        *,
        resumed: bool,
    ) -> None:
        work = partial(self._one, question, gather, who, acknowledge, resumed=resumed)
        self._tasks.run(question.id, self._guarded(question, work))

    async def _guarded(self, question: Question, work: Callable[[], Awaitable[None]]) -> None:
        """What fails is told the operator; the question stays open, and the sweep goes on with it."""
        try:
            await work()
        except asyncio.CancelledError:
            if question.id not in self._withdrawn:
                raise
        except Exception as error:
            self._bot.failed("answering", error)
        finally:
            self._withdrawn.discard(question.id)

    async def _one(
        self,
        question: Question,
        gather: Gather | None,
        who: Who | None,
        acknowledge: Callable[[], Awaitable[None]] | None,
        *,
        resumed: bool,
    ) -> None:
        """From beginning to end; it stays open only when the process ends, or Discord can not be reached."""
        if acknowledge is not None:
            await acknowledge()
        if acknowledge is not None or question.kind == "again":
            question = self._bot.journal.question(question.id) or question  # as it was noted
        if resumed:
            question = await self._gathering.acknowledged(question)
        gather = gather or partial(self._gathering.asked, question)
        surface = self._gathering.surface(question)
        known = resumed or question.kind != "message"  # something of the answer may be there
        posted = self._bot.journal.messages(question.id) if known else []
        delivery = Delivery(surface, self._bot.journal, question, posted)
        typing = asyncio.create_task(self._sign.give(question.channel, surface, delivery))
        try:
            with self._counted(who):
                await self._answered_or_refused(question, delivery, gather, who, resumed=resumed)
        except (GoneError, WithdrawnError):
            await self._close(question)
        except asyncio.CancelledError:
            if question.id in self._withdrawn:
                with suppress(discord.HTTPException):  # somebody else has deleted it
                    await delivery.withdraw(self._pace.deliver)
                await self._close(question)
            raise
        finally:
            typing.cancel()

    async def _answered_or_refused(
        self, question: Question, delivery: Delivery, gather: Gather, who: Who | None, *, resumed: bool
    ) -> None:
        language = self._bot.language(question.tenant, question.given.locale if question.given else None)
        try:
            if resumed:
                await self._look(delivery)
            self._admit(question, who, resumed=resumed)
            async with self._slots:
                asked = await gather()
                if asked.blank:
                    raise RefusedError("blank")
                await self._answer(question, asked, delivery, language, resumed=resumed)
        except RefusedError as refused:
            await self._refuse(question, delivery, refused.why, language)
        except (GoneError, WithdrawnError):
            raise
        except Exception as error:
            if passing(error):  # of Discord: a refusal would not get through, either
                raise
            self._bot.failed("answering", error)
            await self._refuse(question, delivery, "failed", language)

    def _admit(self, question: Question, who: Who | None, *, resumed: bool) -> None:
        if resumed and time.time() - question.begun > self._pace.too_late:
            raise RefusedError("too_late")
        if who is not None and self._asking[who] > self._pace.per_user:
            raise RefusedError("one_at_a_time")
        if len(self._tasks) > self._pace.running + self._pace.waiting:
            raise RefusedError("busy")

    async def _look(self, delivery: Delivery) -> None:
        """For what another process has posted, and could not note any more."""
        try:
            await insist(delivery.look, self._pace.deliver)
        except discord.HTTPException as error:  # we may not read the history: then only the nonce helps
            if passing(error):
                raise
            self._bot.failed("looking for an answer", error)

    async def _answer(
        self, question: Question, asked: Asked, delivery: Delivery, language: str, *, resumed: bool
    ) -> None:
        began = time.monotonic()
        instructions = self._bot.parts.instructions or say(language, "asking.instructions")
        request = Request((Message("system", instructions), *asked.turns), max_output_tokens=self._pace.output_tokens)
        acted, choice = await self._chosen(question, asked, request, resumed=resumed)
        self._bot.metrics.added.observe(time.monotonic() - began)
        growing = Growing(asked.header)
        try:
            answer = await self._streaming.answer(question, acted, request, growing, delivery)
        except Unanswered as error:
            rewards = of_answer(acted, error.attempts, answered_by=None, ms=None, first_ms=None)
            await self._unanswered(question, acted, delivery, growing, rewards, language)
            return
        except (asyncio.CancelledError, GoneError) as error:
            if isinstance(error, GoneError) or question.id in self._withdrawn:
                rewards = of_answer(acted, growing.attempts, answered_by=None, ms=None, first_ms=None)
                self._note_gone(question, rewards, deleted=delivery.begun or question.id in self._withdrawn)
            raise
        ms = (time.monotonic() - began) * 1_000
        times = (None, None) if resumed else (ms, growing.first_ms)  # not the model's doing after a restart
        if not growing.text:
            rewards = of_answer(acted, answer.attempts, answered_by=None, ms=None, first_ms=None)
            self._bot.metrics.refused.labels("empty").inc()
            await self._end(question, delivery, say(language, "refusals.empty"), None, rewards, "refused")
            return
        rewards = of_answer(acted, answer.attempts, answered_by=answer.arm, ms=times[0], first_ms=times[1])
        view = answer_view(question.tenant, acted, language)
        message = await self._end(question, delivery, growing.text, view, rewards, "answered")
        self._bot.metrics.seconds.observe(time.monotonic() - began)
        told = AnsweredQuestion(
            asked.seen,
            asked.conversation,
            asked.turns,
            choice,
            answer,
            Answered(len(answer.text), ms / 1_000, "```" in answer.text, answer.fell_back),
            place(self._bot, question.channel, question.tenant),
            message,
            language,
        )
        self._told(told)

    async def _chosen(
        self, question: Question, asked: Asked, request: Request, *, resumed: bool
    ) -> tuple[Acted, Choice]:
        """What to follow: what was noted before a restart, else a decision."""
        if (acted := question.acted) is not None:
            ranking = acted.ranking
            return acted, Choice(acted.decision, question.tenant, MODEL_ROUTING, acted.arm, ranking, "late", None, 0.0)
        journal = self._bot.journal
        if resumed:  # whether a decision was asked for is not known: if so, nobody follows it
            await self._recording.observe(question.tenant, question.decision, {UNFOLLOWED: 1.0}, "unfollowed")
            question = journal.next_attempt(question)
        before = journal.others(question) if question.kind == "again" else []
        tried = frozenset(each.acted.arm for each in before if each.acted is not None)
        chosen = await self._choosing.choose(asked, request, question.decision, tried)
        journal.acted(question.id, chosen.acted)
        self._bot.metrics.chosen.labels(chosen.choice.how if chosen.acted.recorded else "switched-off").inc()
        if question.kind != "again":
            await self._bot.parts.people.asked(question.tenant, asked.seen.user)
        return chosen.acted, chosen.choice

    async def _unanswered(
        self,
        question: Question,
        acted: Acted,
        delivery: Delivery,
        growing: Growing,
        rewards: dict[str, float],
        language: str,
    ) -> None:
        self._bot.metrics.refused.labels("failed").inc()
        if growing.text:  # what there is of it is worth more than nothing
            text = f"{growing.text}\n\n{say(language, 'asking.cut')}"
            await self._end(question, delivery, text, answer_view(question.tenant, acted, language), rewards, "refused")
        else:
            await self._end(question, delivery, say(language, "refusals.failed"), None, rewards, "refused")

    async def _refuse(self, question: Question, delivery: Delivery, why: str, language: str) -> None:
        """Say kindly why there is no answer, and what to do."""
        self._bot.metrics.refused.labels(why).inc()
        noted = self._bot.journal.question(question.id)
        rewards = {SUCCESS: 0.0, ERROR: 1.0} if noted is not None and noted.acted is not None else {}
        await self._end(question, delivery, say(language, f"refusals.{why}"), None, rewards, "refused")

    async def _end(
        self,
        question: Question,
        delivery: Delivery,
        text: str,
        view: discord.ui.View | None,
        rewards: dict[str, float],
        how: str,
    ) -> int:
        """Show it whole, note that, and record what came of it; the id of the last message."""
        try:
            message = await delivery.finish(text, view, self._pace.deliver)
        except GoneError:
            self._note_gone(question, rewards, deleted=delivery.begun)
            raise
        self._bot.journal.shown(question.id, rewards)
        self._bot.metrics.ended.labels(how).inc()
        await self._recording.answer(question.id)
        return message

    def _note_gone(self, question: Question, rewards: dict[str, float], *, deleted: bool) -> None:
        """Nobody sees the answer: of what it earned nothing is known but its cost, and whether somebody deleted it."""
        if COST in rewards:
            gone = {DELETED: 1.0} if deleted else {}
            self._bot.journal.shown(question.id, {COST: rewards[COST], **gone})

    async def _close(self, question: Question) -> None:
        """Nobody waits for an answer any more."""
        self._bot.metrics.ended.labels("withdrawn").inc()
        noted = self._bot.journal.question(question.id)
        if noted is not None and noted.state == "open":
            self._bot.journal.done(question.id)
        else:
            await self._recording.answer(question.id)

    @contextmanager
    def _counted(self, who: Who | None) -> Iterator[None]:
        """Open questions, by user."""
        if who is None:
            yield
            return
        self._asking[who] += 1
        try:
            yield
        finally:
            self._asking[who] -= 1
            if not self._asking[who]:
                del self._asking[who]
