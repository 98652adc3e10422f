"""What was said before a question: the chain of replies above it, or the last hour of a direct conversation."""

import re
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Final, Literal

import discord

from producers.providers import Message

from .journal import Journal
from .places import kind_of, replied_to
from .ports import Conversation

#: Messages of both sides, and characters, that a model is sent along at most.
MOST_TURNS: Final = 12
MOST_CHARACTERS: Final = 12_000
#: Of a direct conversation, what is older is another conversation.
_DIRECT_MINUTES: Final = 60
_MENTION: Final = re.compile(r"<@!?(\d+)>")
_ROLE_OR_CHANNEL: Final = re.compile(r"<(?:@&|#)\d+>")


def plain(text: str, me: int, role: int | None = None) -> str:
    """A message's text without ids of people and places, and without the mention of the bot or of its own role."""
    text = _MENTION.sub(lambda found: "" if int(found[1]) == me else "@somebody", text)
    if role is not None:
        text = text.replace(f"<@&{role}>", "")
    return _ROLE_OR_CHANNEL.sub("#somewhere", text).strip()


def own_role(guild: discord.Guild | None) -> discord.Role | None:
    """The role that Discord made for the bot: who types its name may have mentioned that instead."""
    return None if guild is None else guild.self_role


def mentioned(message: discord.Message, me: int) -> bool:
    """Whether it mentions the bot, or its role."""
    if any(each.id == me for each in message.mentions):
        return True
    return bool(message.role_mentions) and own_role(message.guild) in message.role_mentions


class Before(list[discord.Message]):
    """Messages before a question, oldest first."""

    def turns(self, me: int) -> tuple[Message, ...]:
        """For a model, the last ones that fit; several messages of one side are one turn."""
        kept: list[Message] = []
        left = MOST_CHARACTERS
        for each in reversed(self):
            text = plain(each.content, me)
            if not text:
                continue
            if len(text) > left:
                break
            left -= len(text)
            role: Literal["assistant", "user"] = "assistant" if each.author.id == me else "user"
            if kept and kept[-1].role == role:
                kept[-1] = Message(role, f"{text}\n\n{kept[-1].content}")
            else:
                kept.append(Message(role, text))
        return tuple(reversed(kept))

    def statistics(self, question: discord.Message) -> Conversation:
        """For the features; nothing of what was said."""
        return Conversation(
            turns=len(self),
            characters=sum(len(each.content) for each in self),
            code_turns=sum("```" in each.content for each in self),
            since_last_s=(question.created_at - self[-1].created_at).total_seconds() if self else None,
        )


async def before(question: discord.Message, journal: Journal) -> Before:
    """What was said before; errors of Discord end it where they come, because a question without it is one, too."""
    found = Before()
    alone = kind_of(question.channel) == "direct" and question.reference is None
    above = _direct(question) if alone else _chain(question, journal)
    try:
        async for each in above:
            found.append(each)
            if len(found) >= MOST_TURNS:
                break
    except discord.HTTPException:
        pass
    found.reverse()
    return found


async def _direct(question: discord.Message) -> AsyncIterator[discord.Message]:
    """The messages of the last while, the last first."""
    since = question.created_at - timedelta(minutes=_DIRECT_MINUTES)
    async for each in question.channel.history(limit=MOST_TURNS, before=question):
        if each.created_at < since:
            return
        yield each


async def _chain(message: discord.Message, journal: Journal) -> AsyncIterator[discord.Message]:
    """The messages above it, the next first; an answer of several messages whole."""
    seen = {message.id}
    above = await _above(message)
    while above is not None and above.id not in seen:
        seen.add(above.id)
        for part in await _rest_of_answer(above, journal, seen):
            seen.add(part.id)
            yield part
        yield above
        above = await _above(above)


async def _above(message: discord.Message) -> discord.Message | None:
    """What it replies to."""
    above, reference = replied_to(message), message.reference
    if above is None or reference is None:
        return None
    if isinstance(reference.resolved, discord.Message):
        return reference.resolved
    if isinstance(reference.resolved, discord.DeletedReferencedMessage):
        return None
    return await message.channel.fetch_message(above)


async def _rest_of_answer(message: discord.Message, journal: Journal, seen: set[int]) -> Sequence[discord.Message]:
    """The other messages of the answer that this is the first of, the last first."""
    answered = journal.answered_by(message.id)
    if answered is None:
        return ()
    others = [each for each in journal.messages(answered.id)[1:] if each not in seen and each != message.id]
    return [await message.channel.fetch_message(each) for each in reversed(others[:MOST_TURNS])]
