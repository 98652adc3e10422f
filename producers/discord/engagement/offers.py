"""The follow-ups there are, and where each is possible."""

from collections.abc import Mapping
from typing import Final

from producers.discord.ports import Conversation, Seen

NOTHING: Final = "nothing"
QUESTIONS: Final = "questions"
POLL: Final = "poll"
THREAD_SUMMARY: Final = "thread_summary"
#: As the domain's arms are called.
OFFERS: Final = (NOTHING, QUESTIONS, POLL, THREAD_SUMMARY)

#: Turns of a conversation from which on a summary of it can help.
LONG_CONVERSATION: Final = 6

CAPABILITY: Final = "capability"
NOT_ALLOWED: Final = "not-allowed"


def impossible(seen: Seen, conversation: Conversation, *, may_poll: bool) -> Mapping[str, str]:
    """Offers that make no sense here, each with the reason (of a decision's restrictions).

    may_poll: the bot is allowed to in this channel.
    """
    found = {}
    if seen.channel_kind == "direct":
        found[POLL] = CAPABILITY  # nobody else is there to vote
    elif not may_poll:
        found[POLL] = NOT_ALLOWED
    if conversation.turns < LONG_CONVERSATION:
        found[THREAD_SUMMARY] = CAPABILITY
    return found
