"""How many tokens a request has and a text is, where no provider says so.

Text: characters divided by the model's `characters_per_token`, rounded up (4 unless the catalogue says otherwise: the
usual figure for English).  A message has 4 tokens of its own (OpenAI's cookbook counts 3 to 4), an image 1,000 (at
Anthropic width x height / 750: one of 1,000 x 750 pixels).
"""

import math

from .answer import Request, Usage
from .catalogue import Model

MESSAGE_TOKENS = 4
IMAGE_TOKENS = 1000


def text_tokens(model: Model, characters: int) -> int:
    """Tokens of a text of so many characters."""
    return math.ceil(characters / model.characters_per_token)


def request_tokens(model: Model, request: Request) -> int:
    """Input tokens of a request."""
    each = (
        text_tokens(model, len(message.content)) + MESSAGE_TOKENS + IMAGE_TOKENS * len(message.images)
        for message in request.messages
    )
    return sum(each)


def output_limit(model: Model, request: Request) -> int:
    """The most tokens an answer may have: what is asked for, or what the model can if that is less."""
    return min(request.max_output_tokens, model.most_output_tokens)


def completed(model: Model, request: Request, reported: Usage | None, characters: int, *, ended: bool) -> Usage:
    """What is charged for: what was reported, and where that is missing or not the last word, an estimate.

    characters: of output received, thoughts included.  ended: the stream came to its end, so a report is final.  It is
    never less than reported.
    """
    if reported is not None and ended:
        return reported
    output = text_tokens(model, characters)
    if reported is None:
        return Usage(request_tokens(model, request), output, estimated=True)
    return Usage(
        reported.input_tokens,
        max(reported.output_tokens, output),
        reported.cached_tokens,
        estimated=True,
        written_tokens=reported.written_tokens,
    )
