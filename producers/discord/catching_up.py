"""Finds what happened while the gateway was away and did not tell afterwards: questions, reactions, deletions.

Looked at are only channels in which something was written since, or an answer was given just before; at most a
quarter of an hour back.  Everything found goes the way of the gateway's events, which know what they have seen before.
"""

import asyncio
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

import discord
import structlog

from .insisting import insist, passing
from .pace import Pace
from .places import place
from .tenants import DIRECT, tenant_of

if TYPE_CHECKING:
    from .asking import Asking
    from .bot import CroupierBot

Place = discord.TextChannel | discord.VoiceChannel | discord.Thread

#: Seconds before the moment at which we last knew that we heard: a dead connection is noticed late.
_SLACK: Final = 60.0
#: Seconds before that, from which on answers are looked at for feedback.
_FEEDBACK: Final = 300.0
_AT_ONCE: Final = 5
_MOST_MESSAGES: Final = 200
_MOST_DIRECT: Final = 50
#: Marks in the journal: when we last heard all shards, and when we did for the first time ever.
_ALIVE: Final = "alive"
_FIRST: Final = "first"

_log = structlog.stdlib.get_logger(__name__)


class CatchingUp:
    """Looks, after every connection that did not resume the one before."""

    def __init__(self, bot: "CroupierBot", asking: "Asking", pace: Pace) -> None:
        self._bot = bot
        self._asking = asking
        self._pace = pace
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._away: dict[int, float] = {}  # since when, by shard
        self._started = bot.journal.marked(_ALIVE)  # of the process before; None: there was none

    def note_alive(self) -> None:
        """All shards hear; remembered for the next process."""
        if not self._away and self._bot.is_ready():
            self._bot.journal.mark(_ALIVE, time.time())

    def disconnected(self, shard: int) -> None:
        """A shard hears nothing."""
        self._away.setdefault(shard, time.time())

    def resumed(self, shard: int) -> None:
        """Discord has told it what it missed."""
        self._away.pop(shard, None)

    async def connected(self, shard: int) -> None:
        """A new session: look for what was missed before it."""
        since = self._away.pop(shard, self._started)
        first = self._bot.journal.marked(_FIRST)
        if first is None:
            self._bot.journal.mark(_FIRST, first := time.time())
        if since is None:
            return  # the first connection ever
        # What was asked before that was not asked of us.
        since = max(since - _SLACK, time.time() - self._pace.too_late, first)
        guilds = [each for each in self._bot.guilds if each.shard_id == shard]
        asked: list[discord.abc.Messageable] = list(self._places(guilds, since))
        if shard == 0:
            direct = self._bot.journal.channels(DIRECT, _MOST_DIRECT)
            asked += [place(self._bot, each, DIRECT) for each in direct]
        found = await asyncio.gather(*(self._look(each, since) for each in asked))
        if asked:
            _log.info("looked for what was missed", channels=len(asked), questions=sum(found))

    def _places(self, guilds: Iterable[discord.Guild], since: float) -> Iterator["Place"]:
        """Channels in which something was written since then, or an answer was given shortly before."""
        first = _snowflake(since)
        for guild in guilds:
            answered = self._bot.journal.channels_since(tenant_of(guild), since - _FEEDBACK)
            places: list[Place] = [*guild.text_channels, *guild.voice_channels, *guild.threads]
            for each in places:
                if (each.last_message_id or 0) >= first or each.id in answered:
                    yield each

    async def _look(self, channel: "discord.abc.Messageable", since: float) -> int:
        """How many questions were found."""
        async with self._slots:
            try:
                messages = await insist(lambda: _read(channel, since - _FEEDBACK), self._pace.too_late)
            except Exception as error:
                if passing(error):
                    self._bot.failed(
                        "catching up", error
                    )  # for a quarter of an hour: what was asked then is too old now
                elif not isinstance(error, discord.HTTPException):  # which says: not for us, or not there any more
                    raise
                return 0
            me = self._bot.me
            answered = {each.reference.message_id for each in messages if each.author.id == me and each.reference}
            found = 0
            for each in messages:
                if each.author.id == me:
                    await self._reactions(each)
                elif each.created_at.timestamp() >= since and each.id not in answered:
                    found += await self._asking.considered(each)
            self._bot.metrics.caught_up.inc(found)
            return found

    async def _reactions(self, message: discord.Message) -> None:
        if not message.reactions or self._bot.journal.answered_by(message.id) is None:
            return
        for each in message.reactions:
            async for user in each.users(limit=25):
                if not user.bot:
                    await self._bot.feedback.reacted(message.id, user.id, str(each.emoji))


async def _read(channel: "discord.abc.Messageable", since: float) -> list[discord.Message]:
    after = discord.Object(_snowflake(since))
    return [each async for each in channel.history(after=after, limit=_MOST_MESSAGES, oldest_first=True)]


def _snowflake(moment: float) -> int:
    """The least id of what was made at this moment (Unix seconds)."""
    return int(moment * 1_000 - discord.utils.DISCORD_EPOCH) << 22
