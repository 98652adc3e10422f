"""What a feature is, as data, and what it is made from."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

from producers.discord.ports import Answered, Conversation, Past, Seen

from .language import Language, language_of

Privacy = Literal["form", "place", "time", "person", "conversation", "content"]

#: What each class is made from, and what it takes to use it.
PRIVACY: Final[dict[Privacy, str]] = {
    "form": "counted in the message: how long it is, whether it asks, has code, links or files; never what it says",
    "place": "where it was written: kind of channel, depth of the chain of replies",
    "time": "the hour of the day",
    "person": "what the bot remembers of this user on its own disk: how many questions, when the last one was, how the "
    "user rated answers",
    "conversation": "counted over the turns before: how many, how long; never what they say",
    "content": "hashed from the words of the message; only where the server allows it and the user has opted in, "
    "otherwise not known (NaN)",
}


@dataclass(frozen=True)
class Given:
    """All that features are made from.  Derived parts are made once, when a feature asks for them."""

    seen: Seen
    past: Past
    conversation: Conversation
    answered: Answered | None = None
    offers: int = 0

    @cached_property
    def language(self) -> Language:
        """A coarse class."""
        return language_of(self.seen.text, self.seen.language)


@dataclass(frozen=True, slots=True)
class Feature:
    """One number: NaN when it is not known."""

    name: str
    meaning: str
    privacy: Privacy
    value: Callable[[Given], float] | None = None  # None: a dimension of the content, which is made as a whole
