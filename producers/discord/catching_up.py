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
_SLACK: Final = 90.0
#: Seconds before that, from which on answers are looked at for feedback.
_FEEDBACK: Final = 300.0
_AT_ONCE: Final = 5
#: Seconds from one channel to the next: Discord lets a bot make 50 requests a second, and answers come first.
_PAUSE: Final = 0.2
#: Messages of a channel that are read: of those written since, and of those just before.
_MOST_SINCE: Final = 1_000
_MOST_BEFORE: Final = 200
_MOST_DIRECT: Final = 50
#: Marks in the journal: when we last heard all shards, and when the first process ever started.
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
        self._away: set[int] = set()  # shards
        self._alive = bot.journal.marked(_ALIVE)  # also of the process before
        first = bot.journal.marked(_FIRST)
        if first is None:
            bot.journal.mark(_FIRST, first := time.time())
        self._first = first

    def note_alive(self) -> None:
        """If all shards hear: up to now nothing was missed; remembered for the next process, too."""
        heard = all(not each.is_closed() for each in self._bot.shards.values())
        if heard and not self._away and self._bot.is_ready():
            self._alive = time.time()
            self._bot.journal.mark(_ALIVE, self._alive)

    def disconnected(self, shard: int) -> None:
        """A shard hears nothing."""
        self._away.add(shard)

    def resumed(self, shard: int) -> None:
        """Discord has told it what it missed."""
        self._away.discard(shard)

    async def connected(self, shard: int) -> None:
        """A new session: look for what was missed before it.

        discord.py may tell of a session that has broken since, after that of its end, and not tell of the next one's
        beginning before it is there.  So what was missed is not what lies between two of its events, but everything
        since the last moment of which we know better.
        """
        self._away.discard(shard)
        # What was asked before the first start ever was not asked of us.
        since = max((self._alive or self._first) - _SLACK, time.time() - self._pace.too_late, self._first)
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
                messages = await insist(lambda: _read(channel, since), self._pace.too_late)
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
            await asyncio.sleep(_PAUSE)
            return found

    async def _reactions(self, message: discord.Message) -> None:
        if not message.reactions or self._bot.journal.answered_by(message.id) is None:
            return
        for each in message.reactions:
            async for user in each.users(limit=25):
                if not user.bot:
                    await self._bot.feedback.reacted(message.id, user.id, str(each.emoji))


async def _read(channel: "discord.abc.Messageable", since: float) -> list[discord.Message]:
    """What was written since then, oldest first, and in the minutes before, with the answers that feedback is about."""
    then, before = discord.Object(_snowflake(since)), discord.Object(_snowflake(since - _FEEDBACK))
    missed = [each async for each in channel.history(after=then, limit=_MOST_SINCE, oldest_first=True)]
    earlier = channel.history(after=before, before=then, limit=_MOST_BEFORE, oldest_first=False)
    return [*missed, *[each async for each in earlier]]


def _snowflake(moment: float) -> int:
    """The least id of what was made at this moment (Unix seconds)."""
    return int(moment * 1_000 - discord.utils.DISCORD_EPOCH) << 22
