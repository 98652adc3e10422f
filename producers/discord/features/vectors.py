"""Which features each of the bot's domains gets, in order.

Few on purpose: a learner's state grows with the square of their number, a server has a few thousand questions to learn
from, and what is not collected can not leak.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from producers.discord.ports import (
    CONTENT_ANALYSIS,
    MODEL_ROUTING,
    USER_ENGAGEMENT,
    Answered,
    Conversation,
    Past,
    Seen,
)
from producers.features.content import content as projected

from .described import Feature, Given
from .measures import (
    ANSWER_CODE,
    ANSWER_LENGTH,
    ANSWER_SECONDS,
    CODE_BLOCK,
    CONVERSATION_LENGTH,
    DEPTH,
    DIRECT,
    FELL_BACK,
    FILES,
    HOURS,
    IMAGES,
    LANGUAGES,
    LINKS,
    OFFERS,
    QUESTIONS_ASKED,
    RECENCY,
    SATISFACTION,
    THREAD,
    TURNS,
    form,
)

#: Dimensions of the projected words: enough to tell a few kinds of task apart.
CONTENT_DIMENSIONS: Final = 8

_CONTENT: Final = tuple(
    Feature(
        f"content_{i}",
        f"dimension {i} of {CONTENT_DIMENSIONS} of the hashed and projected words and pairs of words",
        "content",
    )
    for i in range(CONTENT_DIMENSIONS)
)

ROUTING: Final = (
    *(form(name) for name in ("length", "length_long", "lines", "questions", "options", "numbers", "code")),
    CODE_BLOCK,
    LINKS,
    FILES,
    IMAGES,
    *LANGUAGES,
    *HOURS,
    THREAD,
    DIRECT,
    DEPTH,
    QUESTIONS_ASKED,
    RECENCY,
    SATISFACTION,
    TURNS,
    CONVERSATION_LENGTH,
    *_CONTENT,
)

ANALYSIS: Final = (
    *(form(name) for name in ("length", "length_long", "lines", "questions", "numbers")),
    CODE_BLOCK,
    LINKS,
    FILES,
    IMAGES,
    *LANGUAGES,
    *HOURS,
    THREAD,
    QUESTIONS_ASKED,
    *_CONTENT,
)

ENGAGEMENT: Final = (
    *(form(name) for name in ("length", "questions")),
    CODE_BLOCK,
    *LANGUAGES,
    *HOURS,
    THREAD,
    DIRECT,
    DEPTH,
    QUESTIONS_ASKED,
    RECENCY,
    SATISFACTION,
    OFFERS,
    TURNS,
    ANSWER_LENGTH,
    ANSWER_SECONDS,
    ANSWER_CODE,
    FELL_BACK,
)

#: By domain; how many there are is what the domain's specification declares.
FEATURES: Final[Mapping[str, tuple[Feature, ...]]] = {
    MODEL_ROUTING: ROUTING,
    CONTENT_ANALYSIS: ANALYSIS,
    USER_ENGAGEMENT: ENGAGEMENT,
}


def routing_features(
    seen: Seen, past: Past, conversation: Conversation, *, content: bool = False
) -> NDArray[np.float32]:
    """Of a question.  content: the guild allows it and the user has opted in.  Returns (len(ROUTING),)."""
    return _vector(ROUTING, Given(seen, past, conversation), content=content)


def analysis_features(seen: Seen, past: Past, *, content: bool = False) -> NDArray[np.float32]:
    """Of a post that may be analysed.  content: as above.  Returns (len(ANALYSIS),)."""
    return _vector(ANALYSIS, Given(seen, past, Conversation()), content=content)


def engagement_features(
    seen: Seen, past: Past, conversation: Conversation, answered: Answered, offers: int
) -> NDArray[np.float32]:
    """After an answer; seen: the question.  offers: of the last 24 hours, to this user.  Returns (len(ENGAGEMENT),)."""
    return _vector(ENGAGEMENT, Given(seen, past, conversation, answered, offers), content=False)


def _vector(features: Sequence[Feature], given: Given, *, content: bool) -> NDArray[np.float32]:
    values = [each.value(given) if each.value is not None else math.nan for each in features]
    vector = np.array(values, dtype=np.float32)
    if content:
        vector[-CONTENT_DIMENSIONS:] = projected(given.seen.text, CONTENT_DIMENSIONS)
    return vector
