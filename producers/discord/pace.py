"""How long what takes, and how much is done at once."""

from msgspec import Struct


class Pace(Struct, frozen=True):
    """In seconds, unless it says otherwise."""

    typing_after: float = 0.15  # a faster answer is its own sign
    linger: float = 0.35  # after the first words, so that a short answer is one request
    deliver: float = 300.0  # for so long a finished answer is tried to be shown; then again by the sweep
    too_late: float = 900.0  # older questions are refused, not answered; missed ones are not looked for
    stop: float = 20.0  # at the end, for answers that are being given
    sweep: float = 15.0  # between two looks for what is left over
    replied: float = 120.0  # a reply counts that comes so soon
    settle: float = (
        270.0  # then silence is recorded: before the domain's horizon (examples/bot.toml), and after replies
    )
    unasked: float = 480.0  # the same of summaries and follow-ups, whose horizon is ten minutes
    forget: float = 172_800.0  # the journal keeps so much, for feedback that comes late
    running: int = 1_000  # answers at once
    waiting: int = 2_000  # questions beyond these are refused
    per_user: int = 3  # open questions
    output_tokens: int = 1_024  # of an answer, at most
