"""People of many guilds who ask at a steady rate, and what the bot answers them."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from infra.rehearsal.following import refusals
from infra.standins.discord.remote import Remote
from infra.standins.models.remote import RemoteModels

PEOPLE: Final = 3
_QUESTION: Final = "Which of the planets is the largest, and why does it have so many moons?"
_TALK: Final = "Has anybody seen the new episode? I am half through and can not believe what they did there."
_TICK: Final = 0.01
_AT_ONCE: Final = 250


@dataclass(slots=True)
class Asked:
    """One question on its way.  Seconds of the machine's monotonic clock, nan: not seen.

    appeared: at Discord; received, began: the request at the model, and its answer; replied: the answer at Discord.
    """

    appeared: float = float("nan")
    received: float = float("nan")
    began: float = float("nan")
    replied: float = float("nan")
    replies: int = 0
    refused: bool = False

    @property
    def added(self) -> float:
        """From the question to the answer, less what the model took."""
        return (self.received - self.appeared) + (self.replied - self.began)


async def make_guilds(discord: Remote, number: int) -> list[dict[str, Any]]:
    """So many, each with a channel and PEOPLE people."""
    made: list[dict[str, Any]] = []
    while len(made) < number:
        several = min(_AT_ONCE, number - len(made))
        made += (await discord.ask("make", guilds=several, channels=["general"], people=PEOPLE))["guilds"]
    return made


@dataclass(slots=True)
class Load:
    """Asks, and follows what becomes of it.  asked: in order of their numbers."""

    discord: Remote
    models: RemoteModels
    guilds: Sequence[dict[str, Any]]
    share: float = 1.0  # of the messages that ask the bot; the others are people's own talk
    talked: int = 0  # messages of the others
    asked: list[Asked] = field(default_factory=list)
    missed: int = 0  # messages of the bot that were not seen in time: the measurement is void
    _numbers: dict[int, int] = field(default_factory=dict)
    _next: int = 0

    async def run(self, rate: float, seconds: float) -> None:
        """Ask at that rate, a guild after the other in an order of chance."""
        order = self._order()
        begun, sent = time.monotonic(), 0
        while (spent := time.monotonic() - begun) < seconds:
            due = int(spent * rate) + 1 - sent
            if due > 0:
                guilds = [next(order) for _ in range(due)]
                asking = int((sent + due) * self.share) - int(sent * self.share)
                await self._post(guilds[:asking])
                await self._talk(guilds[asking:])
                sent += due
            await asyncio.sleep(max(0.0, _TICK - (time.monotonic() - begun - spent)))

    def _order(self) -> Iterator[dict[str, Any]]:
        rng = np.random.default_rng(11)
        while True:
            for place in rng.permutation(len(self.guilds)):
                yield self.guilds[place]

    async def _talk(self, guilds: Sequence[dict[str, Any]]) -> None:
        if not guilds:
            return
        await self.discord.act(
            *(
                {"do": "post", "person": guild["people"][0], "channel": guild["channels"][0], "content": _TALK}
                for guild in guilds
            )
        )
        self.talked += len(guilds)

    async def _post(self, guilds: Sequence[dict[str, Any]]) -> None:
        if not guilds:
            return
        first, mention = len(self.asked), f"<@{self.discord.bot}>"
        acts = [
            {
                "do": "post", "person": guild["people"][(first + k) % PEOPLE], "channel": guild["channels"][0],
                "content": f"{mention} [{first + k}] {_QUESTION}",
            }
            for k, guild in enumerate(guilds)
        ]  # fmt: skip
        self.asked += [Asked() for _ in acts]
        made = await self.discord.act(*acts)
        self._numbers.update(zip(made, range(first, first + len(acts)), strict=True))

    async def follow(self) -> None:
        """Take in answers until cancelled."""
        while True:
            await self.look(0.5)
            await asyncio.sleep(0.1)

    async def look(self, wait: float = 0.0) -> None:
        """Once."""
        found = await self.discord.ask("wrote", since=self._next, wait=wait)
        self._next, self.missed = found["next"], self.missed + found["missed"]
        polite = refusals()
        for message in found["messages"]:
            number = self._numbers.get(message["reply_to"])
            if number is None:
                continue
            asked = self.asked[number]
            asked.replies += 1
            if asked.replies == 1:
                asked.appeared, asked.replied = message["asked"], message["at"]
                asked.refused = message["content"] in polite
        for beginning, received, began in await self.models.take_times():
            number_text = beginning.partition("]")[0][1:]
            if number_text.isdigit() and np.isnan(self.asked[int(number_text)].received):
                self.asked[int(number_text)].received, self.asked[int(number_text)].began = received, began

    async def drained(self, seconds: float) -> None:
        """Until every question has an answer, for so many seconds at most."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and any(not each.replies for each in self.asked):
            await asyncio.sleep(0.2)
