"""Where an answer is shown: messages in a channel, and of a slash command the response that Discord waits for.

The first message of an answer refers to the question, every other one to the first: so whose they are can be seen in a
busy channel, and found again in its history after a restart.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any, Final, Protocol

import discord
from discord.http import Route

from .journal import Question
from .pacing import Bucket, bucket_of
from .tenants import guild_of

#: Discord takes the token of an interaction for 15 minutes.
TOKEN_SECONDS: Final = 14 * 60
#: Messages of a channel that are looked through for an answer that is there already.
_LOOK_THROUGH: Final = 300


class Surface(Protocol):
    """Shows texts; errors are discord.py's."""

    async def post(self, part: int, text: str, view: discord.ui.View | None, first: int | None) -> int:
        """A new message; its id.  The same part again within minutes is the same message.  first: of the answer."""
        ...

    async def edit(self, message: int, part: int, text: str, view: discord.ui.View | None) -> None:
        """Change it."""
        ...

    async def remove(self, message: int) -> None:
        """Take it away."""
        ...

    async def typing(self) -> None:
        """Say that an answer is on its way."""
        ...

    async def found(self) -> list[int]:
        """The messages of the answer that are there already, in order, whether or not we noted them."""
        ...

    def bucket(self) -> Bucket | None:
        """The limit of edits."""
        ...


class ChannelSurface:
    """An answer to a message."""

    def __init__(self, client: discord.Client, question: Question, *, refers_to: int | None) -> None:
        """refers_to: the message that is answered; None: there is none, or it can not be referred to."""
        self._client = client
        self._question = question
        self._refers_to = refers_to
        self._guild = guild_of(question.tenant)
        self._channel = client.get_partial_messageable(question.channel, guild_id=self._guild)

    async def post(self, part: int, text: str, view: discord.ui.View | None, first: int | None) -> int:
        """As `Surface.post`: Discord returns the message that it made before of the same nonce."""
        refers_to = first or self._refers_to
        options: dict[str, Any] = {} if view is None else {"view": view}
        if refers_to is not None:
            options["reference"] = discord.MessageReference(
                message_id=refers_to, channel_id=self._question.channel, guild_id=self._guild, fail_if_not_exists=False
            )
        message = await self._channel.send(text, nonce=f"{self._question.id:x}.{part}", **options)
        return message.id

    async def edit(self, message: int, part: int, text: str, view: discord.ui.View | None) -> None:
        """As `Surface.edit`."""
        await self._channel.get_partial_message(message).edit(content=text, view=view)

    async def remove(self, message: int) -> None:
        """As `Surface.remove`."""
        await self._channel.get_partial_message(message).delete()

    async def typing(self) -> None:
        """As `Surface.typing`; Discord shows it for ten seconds."""
        await self._client.http.send_typing(self._question.channel)

    async def found(self) -> list[int]:
        """As `Surface.found`, by the references."""
        if self._refers_to is None:
            return []
        mine: list[int] = []
        async for each in self._history():
            refers_to = each.reference.message_id if each.reference else None
            if refers_to is not None and refers_to == (mine[0] if mine else self._refers_to):
                mine.append(each.id)
        return mine

    async def _history(self) -> AsyncIterator[discord.Message]:
        """Our own messages after the question, oldest first."""
        me = self._client.user
        after = discord.Object(self._question.first)
        async for each in self._channel.history(after=after, oldest_first=True, limit=_LOOK_THROUGH):
            if me is not None and each.author.id == me.id:
                yield each

    def bucket(self) -> Bucket | None:
        """As `Surface.bucket`."""
        route = Route(
            "PATCH", "/channels/{channel_id}/messages/{message_id}", channel_id=self._question.channel, message_id=0
        )
        return bucket_of(self._client.http, route, asyncio.get_running_loop().time())


class CommandSurface(ChannelSurface):
    """An answer to a slash command: its first message is the response, by the token while that is good."""

    def __init__(self, client: discord.Client, question: Question, response: int | None) -> None:
        """response: id of the response's message, where known."""
        super().__init__(client, question, refers_to=response)
        assert question.given is not None
        self._until = question.begun + TOKEN_SECONDS
        self._by_token: set[int] = set() if response is None else {response}
        self._webhook = discord.Webhook.partial(client.application_id or 0, question.given.token, client=client)

    async def post(self, part: int, text: str, view: discord.ui.View | None, first: int | None) -> int:
        """As `Surface.post`; by the token where the bot itself may not write."""
        try:
            return await super().post(part, text, view, first)
        except discord.Forbidden:
            if time.time() >= self._until:
                raise
            options: dict[str, Any] = {} if view is None else {"view": view}
            message = await self._webhook.send(text, wait=True, **options)
            self._by_token.add(message.id)
            return message.id

    async def edit(self, message: int, part: int, text: str, view: discord.ui.View | None) -> None:
        """As `Surface.edit`."""
        if (part == 0 or message in self._by_token) and time.time() < self._until:
            await self._webhook.edit_message(message, content=text, view=view)
        else:
            await super().edit(message, part, text, view)

    async def typing(self) -> None:
        """Nothing: Discord shows that we think."""
