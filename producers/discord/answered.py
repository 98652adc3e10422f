"""An answer that people can see."""

import discord
from msgspec import Struct

from producers.deciding import Choice
from producers.providers import Answer, Message

from .ports import Answered, Conversation, Seen


class AnsweredQuestion(Struct, frozen=True):
    """An answer that people can see now: what `after_answer` is told."""

    seen: Seen  # the question
    conversation: Conversation  # before it
    turns: tuple[Message, ...]  # what was asked of the model: the conversation, then the question
    choice: Choice
    answer: Answer
    answered: Answered  # what features may know of the answer
    channel: "discord.abc.MessageableChannel"  # known to type checkers only
    message: int  # id of the last message of the answer
    language: str  # to speak
