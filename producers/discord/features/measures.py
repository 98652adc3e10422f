"""One function for each feature that holds no content.

Counts n are squashed to n / (n + half), one half at n = half, as in `producers.features.shape`: division is exact in
IEEE 754 where logarithms differ between C libraries.  Sine and cosine of the hour are rounded to six digits for the
same reason.
"""

import math
import re
from typing import Final

from producers.features.shape import SHAPES

from .described import Feature, Given, Privacy
from .language import Language

_CODE_BLOCK = re.compile(r"```|`[^`\n]+`")
_LINK = re.compile(r"https?://[^\s<>]")
_LONGEST = 4000  # characters of a message that are looked at: Discord's own limit

_SHAPES: Final = {each.name: each for each in SHAPES}


def squash(count: float, half: float) -> float:
    """A count as n / (n + half)."""
    return count / (count + half)


def form(name: str) -> Feature:
    """A feature of `producers.features.shape`, of the message."""
    shape = _SHAPES[name]

    def value(given: Given) -> float:
        text = given.seen.text
        return shape.value(text[:_LONGEST], len(text))

    return Feature(name, shape.meaning, "form", value)


def language(name: Language, meaning: str) -> Feature:
    """1 for one class of languages."""
    return Feature(name, meaning, "form", lambda given: float(given.language == name))


def channel(kind: str) -> Feature:
    """1 for one kind of channel."""
    return Feature(
        kind, f"1 in a {kind} {_CHANNELS[kind]}", "place", lambda given: float(given.seen.channel_kind == kind)
    )


_CHANNELS: Final = {"thread": "of a channel", "direct": "message"}


def _hour(function: str) -> Feature:
    of = {"sin": math.sin, "cos": math.cos}[function]
    words = {"sin": "sine", "cos": "cosine"}[function]
    return Feature(
        f"hour_{function}",
        f"{words} of the hour of the day (UTC), so that midnight is close to 23:00",
        "time",
        lambda given: round(of(2 * math.pi * given.seen.hour_utc / 24), 6),
    )


def _recency(seconds: float | None) -> float:
    """1 just now, one half after an hour, 0 long ago; NaN: never."""
    return math.nan if seconds is None else 3600.0 / (3600.0 + max(seconds, 0.0))


def _feature(name: str, meaning: str, privacy: Privacy, half: float | None, count: str) -> Feature:
    """A number of `Given`, by its path, squashed by `half`."""
    owner, _, attribute = count.partition(".")

    def value(given: Given) -> float:
        number = float(getattr(getattr(given, owner), attribute) if attribute else getattr(given, owner))
        return number if half is None else squash(number, half)

    return Feature(name, meaning, privacy, value)


CODE_BLOCK: Final = Feature(
    "code_block",
    "1 when something is marked as code (`...` or ```...```)",
    "form",
    lambda given: float(_CODE_BLOCK.search(given.seen.text) is not None),
)
LINKS: Final = Feature(
    "links", "links n as n / (n + 1)", "form", lambda given: squash(len(_LINK.findall(given.seen.text)), 1.0)
)
FILES: Final = Feature(
    "files",
    "attachments other than images n as n / (n + 1)",
    "form",
    lambda given: squash(max(given.seen.attachments - given.seen.images, 0), 1.0),
)
IMAGES: Final = _feature("images", "images n as n / (n + 1)", "form", 1.0, "seen.images")
LANGUAGES: Final = (
    language("english", "1 when it seems to be English (commonest words; else the language of the user's client)"),
    language("other_latin", "1 when it seems to be another language in Latin script"),
    language("other_script", "1 when most of it is in another script"),
)
HOURS: Final = (_hour("sin"), _hour("cos"))
THREAD: Final = channel("thread")
DIRECT: Final = channel("direct")
DEPTH: Final = _feature(
    "depth", "messages above it in the chain of replies n as n / (n + 2)", "place", 2.0, "seen.depth"
)
QUESTIONS_ASKED: Final = _feature(
    "questions_asked", "questions that this user has asked here n as n / (n + 10)", "person", 10.0, "past.questions"
)
RECENCY: Final = Feature(
    "recency",
    "hours h since the user's last question as 1 / (1 + h); not known: there was none",
    "person",
    lambda given: _recency(given.past.since_last_s),
)
SATISFACTION: Final = Feature(
    "satisfaction",
    "mean of the user's ratings of answers, 0 to 1, the last ones counting most; not known: there are none",
    "person",
    lambda given: math.nan if given.past.satisfaction is None else given.past.satisfaction,
)
OFFERS: Final = _feature(
    "offers", "follow-ups that the user was offered in the last 24 hours n as n / (n + 2)", "person", 2.0, "offers"
)
TURNS: Final = _feature(
    "turns", "messages of the conversation before this n as n / (n + 6)", "conversation", 6.0, "conversation.turns"
)
CONVERSATION_LENGTH: Final = _feature(
    "conversation_length",
    "characters of the conversation before this n as n / (n + 2000)",
    "conversation",
    2000.0,
    "conversation.characters",
)
ANSWER_LENGTH: Final = _feature(
    "answer_length", "characters of the answer n as n / (n + 800)", "conversation", 800.0, "answered.characters"
)
ANSWER_SECONDS: Final = _feature(
    "answer_seconds", "seconds s that the answer took as s / (s + 5)", "conversation", 5.0, "answered.seconds"
)
ANSWER_CODE: Final = _feature("answer_code", "1 when the answer has code", "conversation", None, "answered.code")
FELL_BACK: Final = _feature(
    "fell_back", "1 when another model than the one decided for answered", "conversation", None, "answered.fell_back"
)
