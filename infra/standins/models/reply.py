"""What a local model answers to a request, before any protocol: text in pieces, and usage."""

import math
from collections.abc import Sequence

from msgspec import Struct

from producers.providers import Usage
from producers.providers.estimate import MESSAGE_TOKENS
from producers.replay.bundled import CHARACTERS_PER_TOKEN

from .recorded import Recordings
from .writing import other_answer, recorded_answer

_PIECE_CHARACTERS = 48


class Turn(Struct, frozen=True):
    """One message of a request, as either protocol has it, without its pictures."""

    role: str
    text: str


class Reply(Struct, frozen=True):
    """thoughts: pieces that come before the text.  pieces: of the text, in order.

    stopped: it had more to say than the request allows.
    """

    pieces: tuple[str, ...]
    usage: Usage
    stopped: bool
    thoughts: tuple[str, ...] = ()


def reply(recordings: Recordings, model: str, turns: Sequence[Turn], most_output_tokens: int | None) -> Reply:
    """The same request has the same reply.

    A recorded question (the last turn of the user, whole or after a blank line) has the recorded tokens, whatever else
    was sent along: systems' instructions and earlier turns are not in the recordings.
    """
    asked = next((turn.text for turn in reversed(turns) if turn.role == "user"), "")
    for question in (asked, asked.rpartition("\n\n")[2], asked.partition("\n\n")[2]):
        recorded = recordings.find(question, model)
        if recorded is not None:
            text = recorded_answer(question, model, recorded)
            usage = Usage(recorded.usage.input_tokens, recorded.usage.output_tokens or tokens(text))
            return Reply(_pieces(text), usage, stopped=False)
    text = other_answer("\n".join(turn.text for turn in turns if turn.role == "system"), asked)
    stopped = most_output_tokens is not None and tokens(text) > most_output_tokens
    if stopped:
        text = text[: CHARACTERS_PER_TOKEN * (most_output_tokens or 0)]
    return Reply(_pieces(text), Usage(request_tokens(turns), tokens(text)), stopped)


def request_tokens(turns: Sequence[Turn]) -> int:
    """Of all that was sent."""
    return sum(tokens(turn.text) + MESSAGE_TOKENS for turn in turns)


def tokens(text: str) -> int:
    """At 4 characters a token."""
    return math.ceil(len(text) / CHARACTERS_PER_TOKEN)


def _pieces(text: str) -> tuple[str, ...]:
    return tuple(text[at : at + _PIECE_CHARACTERS] for at in range(0, len(text), _PIECE_CHARACTERS)) or ("",)
