"""Brings an answer that grows into Discord's messages: new ones where it needs them, edits where they changed."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import discord

from .insisting import insist, passing
from .journal import Journal, Question
from .pacing import Bucket
from .splitting import split
from .surface import Surface

#: Discord's codes for a message or channel that is not there, or not for us.
_GONE: Final = frozenset({10003, 10008, 10015, 50001, 50013, 50083, 30046})


class GoneError(Exception):
    """There is nowhere to show the answer: its message or channel was deleted, or we may not write there."""


def gone(error: discord.HTTPException) -> bool:
    """Whether it says so."""
    return isinstance(error, discord.Forbidden | discord.NotFound) or error.code in _GONE


class Delivery:
    """The messages of one answer."""

    def __init__(self, surface: Surface, journal: Journal, question: Question, posted: Sequence[int]) -> None:
        """posted: messages of the answer that are there, in order, as far as is known."""
        self._surface = surface
        self._journal = journal
        self._question = question
        self._messages = list(posted)
        self._texts: list[str | None] = [None] * len(self._messages)  # None: not known
        self._unheard: str | None = None  # the next message, posted without a word from Discord: it may be there

    @property
    def begun(self) -> bool:
        """Whether anything of this answer is shown."""
        return any(each is not None for each in self._texts)

    def bucket(self) -> Bucket | None:
        """The limit of edits."""
        return self._surface.bucket()

    async def look(self) -> None:
        """After a restart: find messages that were posted and not noted."""
        for message in await self._surface.found():
            if message not in self._messages:
                self._journal.posted(self._question.id, len(self._messages), message)
                self._messages.append(message)
                self._texts.append(None)

    async def progress(self, text: str) -> None:
        """Show what there is so far, if Discord lets us now.  GoneError."""
        try:
            await self._show([each.text for each in split(text)], None, final=False)
        except discord.HTTPException as error:
            if gone(error):
                raise GoneError from error
            if not passing(error):
                raise
        except Exception as error:
            if not passing(error):
                raise

    async def finish(self, text: str, view: discord.ui.View | None, seconds: float) -> int:
        """Show the whole answer; the id of its last message.  GoneError; other errors when it failed for so long."""
        texts = [each.text for each in split(text)]
        try:
            await insist(lambda: self._show(texts, view, final=True), seconds)
        except discord.HTTPException as error:
            if gone(error):
                raise GoneError from error
            raise
        return self._messages[-1]

    async def withdraw(self, seconds: float) -> None:
        """Take away what is shown."""
        while self._messages:
            await insist(self._remove_last, seconds)

    async def _show(self, texts: list[str], view: discord.ui.View | None, *, final: bool) -> None:
        for part, text in enumerate(texts):
            its_view = view if part == len(texts) - 1 else None
            new = part == len(self._messages)
            if new:
                await self._post(text, its_view)
            if self._texts[part] != text or (final and its_view is not None and not new):
                await self._surface.edit(self._messages[part], part, text, its_view)
                self._texts[part] = text
        if final and self._unheard is not None:  # no part of the answer any more, but it may be there: its nonce says
            await self._post(self._unheard, None)
        while final and len(self._messages) > max(1, len(texts)):
            await self._remove_last()

    async def _post(self, text: str, view: discord.ui.View | None) -> None:
        part, first = len(self._messages), self._messages[0] if self._messages else None
        known, self._unheard = self._unheard is None, text  # else the first attempt's text may be what stands there
        message = await self._surface.post(part, text, view, first)
        self._unheard = None
        self._journal.posted(self._question.id, part, message)
        self._messages.append(message)
        self._texts.append(text if known else None)

    async def _remove_last(self) -> None:
        with suppress(discord.NotFound):
            await self._surface.remove(self._messages[-1])
        self._journal.removed(self._messages.pop())
        self._texts.pop()
