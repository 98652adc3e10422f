"""A question as the bot works with it, whether it came as a message, by a command, or is asked once more."""

from datetime import UTC, datetime
from typing import Final

import discord
from msgspec import Struct

from producers.providers import Message

from .conversation import before, own_role, plain
from .journal import Given, Journal, Question
from .places import kind_of
from .ports import Conversation, Seen

#: Characters of a question that are shown above its answer, because Discord does not show what a command was given.
_QUOTED: Final = 300
#: Pictures that a model is sent at most.
MOST_IMAGES: Final = 4


class Asked(Struct, frozen=True):
    """What is asked, by whom, and what was said before."""

    seen: Seen
    conversation: Conversation
    turns: tuple[Message, ...]  # the last one is the question
    header: str = ""  # stands above the answer

    @property
    def blank(self) -> bool:
        """Nothing was asked."""
        return not self.seen.text and not self.turns[-1].images


async def of_message(message: discord.Message, tenant: str, me: int, journal: Journal) -> Asked:
    """A message that mentions the bot, replies to it, or is for it alone."""
    said = await before(message, journal)
    images = tuple(each.url for each in message.attachments if (each.content_type or "").startswith("image/"))
    role = own_role(message.guild)
    text = plain(message.content, me, None if role is None else role.id)
    return Asked(
        Seen(
            tenant=tenant,
            user=message.author.id,
            text=text,
            channel=message.channel.id,
            channel_kind=kind_of(message.channel),
            hour_utc=_hour(message.created_at),
            attachments=len(message.attachments),
            images=len(images),
            depth=len(said) if message.reference else 0,
            language=None,
        ),
        said.statistics(message),
        (*said.turns(me), Message("user", text, images[:MOST_IMAGES])),
    )


def of_command(question: Question, given: Given, channel: object, me: int) -> Asked:
    """A slash command.  channel: where it was given, if the bot knows it."""
    text = plain(given.text, me)
    shown = text if len(text) <= _QUOTED else text[:_QUOTED].rstrip() + "…"
    return Asked(
        Seen(
            tenant=question.tenant,
            user=given.user,
            text=text,
            channel=question.channel,
            channel_kind=kind_of(channel),
            hour_utc=_hour(discord.utils.snowflake_time(question.id)),
            attachments=0,
            images=0,
            depth=0,
            language=given.locale,
        ),
        Conversation(),
        (Message("user", text),),
        "".join(f"> {line}\n" for line in shown.splitlines()) + "\n",
    )


def _hour(moment: datetime) -> float:
    moment = moment.astimezone(UTC)
    return moment.hour + moment.minute / 60
