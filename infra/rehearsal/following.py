"""Which question got which answer: what the bot wrote, followed from the local Discord."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.standins.discord.remote import Remote
from producers.discord.words import keys, languages, say


def refusals() -> frozenset[str]:
    """All that a refusal can say, in every language."""
    return frozenset(say(language, key) for language in languages() for key in keys(language) if key[:9] == "refusals.")


@dataclass(slots=True)
class Reply:
    """A message of the bot that replies to a question, as it was seen last."""

    id: int
    channel: int
    question: int
    content: str
    asked: float  # monotonic seconds: when the question appeared, and the reply
    at: float
    deleted: bool


@dataclass(slots=True)
class Following:
    """Everything the bot wrote.  `replies`: by the question's message id, those that are there, oldest first."""

    discord: Remote
    replies: dict[int, list[Reply]] = field(default_factory=dict)
    others: int = 0
    missed: int = 0
    _next: int = 0

    async def look(self, wait: float = 0.0) -> list[Reply]:
        """What is new; waits up to `wait` s for something."""
        found = await self.discord.ask("wrote", since=self._next, wait=wait)
        self._next, self.missed = found["next"], self.missed + found["missed"]
        return [reply for each in found["messages"] if (reply := self._take(each)) is not None]

    def _take(self, message: Mapping[str, Any]) -> Reply | None:
        if message["reply_to"] is None:
            self.others += 1
            return None
        reply = Reply(
            message["id"], message["channel"], message["reply_to"], message["content"], message["asked"], message["at"],
            message["deleted"],
        )  # fmt: skip
        self.replies.setdefault(reply.question, []).append(reply)
        return reply

    async def follow(self) -> None:
        """Until it is cancelled."""
        while True:
            await self.look(wait=1.0)
            await asyncio.sleep(0.02)
