"""Simulated people: they post recorded questions, and some say how they liked the answer: soon, late, or twice."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from infra.standins.discord.remote import Remote
from infra.standins.models import stated_quality

from .following import Following, Reply
from .guilds import Guild

#: An answer worth at least this much pleases.
_GOOD: Final = 0.8
_UP, _DOWN, _AGAIN = "👍", "👎", "🔁"


@dataclass(frozen=True, slots=True)
class Manners:
    """How people behave: shares of the answers, and seconds."""

    respond: float = 0.6  # say something at all
    by_reaction: float = 0.3  # of those: with an emoji on the message instead of a button
    late: float = 0.2  # of those: only after `late_s`
    twice: float = 0.1  # of those: say it once more
    again: float = 0.05  # of those who are displeased: want another answer, too
    soon_s: float = 1.0  # in the mean
    late_s: float = 6.0


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked: row of the guild's recording."""

    guild: int
    row: int
    person: int
    channel: int


@dataclass(slots=True)
class Crowd:
    """asked: by message id."""

    discord: Remote
    guilds: Sequence[Guild]
    following: Following
    rng: np.random.Generator
    manners: Manners = field(default_factory=Manners)
    asked: dict[int, Question] = field(default_factory=dict)
    responses: int = 0
    withheld: int = 0  # what Discord would not let people do: the message was gone, or had no such button yet
    _rows: list[list[int]] = field(default_factory=list)
    _saying: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._rows = [self.rng.permutation(len(guild.texts)).tolist() for guild in self.guilds]

    async def ask(self, number: int, rate: float) -> None:
        """Post so many questions, so many a second, and respond to what is answered meanwhile."""
        begun, posted = time.monotonic(), 0
        while posted < number:
            due = min(number, int((time.monotonic() - begun) * rate) + 1)
            if due > posted:
                await self._post([self._question(each % len(self.guilds)) for each in range(posted, due)])
                posted = due
            await self.respond()
            await asyncio.sleep(0.02)

    async def respond(self, wait: float = 0.0) -> None:
        """Begin to respond to answers that are new; waits so many seconds for one."""
        for reply in await self.following.look(wait):
            self._consider(reply)

    async def answered(self, seconds: float) -> None:
        """Until every question has a reply, for so many seconds at most; then until everybody has said their say."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not self.asked.keys() <= self.following.replies.keys():
            await self.respond(wait=0.2)
        await asyncio.gather(*self._saying)

    def _question(self, guild: int) -> Question:
        of = self.guilds[guild]
        rows = self._rows[guild]
        row = rows.pop() if rows else int(self.rng.integers(len(of.texts)))
        return Question(guild, row, int(self.rng.choice(of.people)), int(self.rng.choice(of.channels)))

    async def _post(self, questions: Sequence[Question]) -> None:
        mention = f"<@{self.discord.bot}>"
        acts = [
            {
                "do": "post", "person": each.person, "channel": each.channel,
                "content": f"{mention} {self.guilds[each.guild].texts[each.row]}",
            }
            for each in questions
        ]  # fmt: skip
        self.asked |= dict(zip(await self.discord.act(*acts), questions, strict=True))

    def _consider(self, reply: Reply) -> None:
        question, quality = self.asked.get(reply.question), stated_quality(reply.content)
        if question is None or quality is None or self.rng.random() >= self.manners.respond:
            return
        manners, rng = self.manners, self.rng
        late = manners.late_s if rng.random() < manners.late else 0.0
        says = [(late + rng.exponential(manners.soon_s), _UP if quality >= _GOOD else _DOWN)]
        if rng.random() < manners.twice:
            says.append((rng.exponential(manners.soon_s), says[0][1]))
        if quality < _GOOD and rng.random() < manners.again:
            says.append((rng.exponential(manners.soon_s), _AGAIN))
        by = [rng.random() < manners.by_reaction and what != _AGAIN for _, what in says]
        task = asyncio.create_task(
            self._say(question, reply, [(*each, way) for each, way in zip(says, by, strict=True)])
        )
        self._saying.add(task)
        task.add_done_callback(self._saying.discard)

    async def _say(self, question: Question, reply: Reply, says: Sequence[tuple[float, str, bool]]) -> None:
        for seconds, what, reacting in says:
            await asyncio.sleep(seconds)
            act: dict[str, Any] = {"person": question.person, "channel": question.channel, "message": reply.id}
            act |= {"do": "react", "emoji": what} if reacting else {"do": "click", "button": what}
            (done,) = (await self.discord.ask("act", acts=[act]))["done"]
            if isinstance(done, dict):
                self.withheld += 1
            else:
                self.responses += 1
