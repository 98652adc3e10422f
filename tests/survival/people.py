"""People who ask without a break, whatever happens, and press buttons under what they are told."""

import asyncio
import time
from dataclasses import dataclass, field

import numpy as np

from infra.rehearsal.following import Following, Reply
from infra.standins.discord.remote import Remote

COMMAND_EVERY = 12
DIRECT_EVERY = 9


@dataclass
class People:
    """asked: messages that are questions.  commands, presses: interactions, as they were seen last."""

    discord: Remote
    following: Following
    rng: np.random.Generator
    homes: list[dict] = field(default_factory=list)
    asked: dict[int, str] = field(default_factory=dict)
    commands: dict[int, dict | None] = field(default_factory=dict)
    presses: dict[int, dict | None] = field(default_factory=dict)
    pressed: dict[int, int] = field(default_factory=dict)  # interaction: the question under whose answer it was
    _where: dict[int, tuple[int, int]] = field(default_factory=dict)

    async def ask_until(self, stop: asyncio.Event, rate: float) -> None:
        """So many questions a second until told to stop; every third answer is rated, every ninth twice."""
        begun, number = time.monotonic(), 0
        while not stop.is_set():
            if number < (time.monotonic() - begun) * rate:
                number += 1
                await self._ask(number)
            for reply in await self.following.look():
                await self._press(reply)
            await asyncio.sleep(0.02)

    async def _ask(self, number: int) -> None:
        home = self.homes[number % len(self.homes)]
        place = int(self.rng.integers(len(home["people"])))
        person = home["people"][place]
        if number % COMMAND_EVERY == 0:
            act = {"do": "use", "person": person, "channel": home["channels"][0], "command": "ask"}
            act["options"] = {"question": f"what is number {number}?"}
            try:
                (made,) = await self.discord.act(act)
            except RuntimeError:  # the bot has not told Discord its commands yet
                return
            self.commands[made] = None
            return
        if number % DIRECT_EVERY == 0:
            await self._ask_directly(home, number)
            return
        channel = home["channels"][number % len(home["channels"])]
        text = f"what is number {number}?"
        await self._post(person, channel, f"<@{self.discord.bot}> {text}", text)

    async def ask_first(self) -> None:
        """A direct message of everybody who writes some later.

        Direct messages of people whom the bot never heard before, written while it was away without a session that can
        be resumed, are known to nobody: Discord lists a bot no such channels.
        """
        for number, home in enumerate(self.homes):
            await self._ask_directly(home, -number)

    async def _ask_directly(self, home: dict, number: int) -> None:
        text = f"what is number {number}?"
        await self._post(home["people"][0], home["directs"][0], text, text)

    async def _post(self, person: int, channel: int, content: str, text: str) -> None:
        (made,) = await self.discord.act({"do": "post", "person": person, "channel": channel, "content": content})
        self.asked[made] = text
        self._where[made] = person, channel

    async def _press(self, reply: Reply) -> None:
        number = len(self.following.replies)
        if reply.question not in self._where or number % 3:
            return
        person, channel = self._where[reply.question]
        for _ in range(2 if number % 9 == 0 else 1):
            await self._click(reply.question, person, channel, reply.id, "👍")

    async def press_all(self, replies: dict[int, list[Reply]]) -> None:
        """Under every second answer, now that all are whole."""
        for question in list(self._where)[::2]:
            person, channel = self._where[question]
            for reply in replies.get(question, ())[-1:]:
                await self._click(question, person, channel, reply.id, "👎")

    async def _click(self, question: int, person: int, channel: int, message: int, button: str) -> None:
        act = {"do": "click", "person": person, "channel": channel, "message": message, "button": button}
        (done,) = (await self.discord.ask("act", acts=[act]))["done"]
        if isinstance(done, int):  # else the answer is not whole yet, and has no buttons
            self.presses[done] = None
            self.pressed[done] = question

    async def look_at_interactions(self) -> None:
        """Discord forgets them after a quarter of an hour."""
        for kept in (self.commands, self.presses):
            ids = list(kept)
            for at in range(0, len(ids), 500):
                found = await self.discord.ask("interactions", ids=ids[at : at + 500])
                kept.update({int(number): told for number, told in found.items()})
