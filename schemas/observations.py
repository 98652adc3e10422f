"""The names of observations that everybody means the same by; all others are an application's own.

Budgets and hard caps read `cost`; KPIs read `cost`, `success`, `error` and `latency_ms`; `unfollowed` decides whether
anything is learned (`was_followed`).  What the others earn, a domain's reward says.
"""

from collections.abc import Mapping
from typing import Final

from .events import Decision

SUCCESS: Final = "success"
QUALITY: Final = "quality"
COST: Final = "cost"
LATENCY_MS: Final = "latency_ms"
FIRST_TOKEN_MS: Final = "first_token_ms"  # noqa: S105 - a token of text
ERROR: Final = "error"
FALLBACK: Final = "fallback"
UNFOLLOWED: Final = "unfollowed"
ANSWERED_BY: Final = "answered_by"
THUMBS: Final = "thumbs"
REACTION: Final = "reaction"
REGENERATED: Final = "regenerated"
REPLIED: Final = "replied"
DELETED: Final = "deleted"
CLICKED: Final = "clicked"
VOTED: Final = "voted"
REQUESTED: Final = "requested"
WANTED: Final = "wanted"

#: By name: unit or range, and what it says.
MEANINGS: Final[Mapping[str, tuple[str, str]]] = {
    SUCCESS: ("share, 0 to 1", "the request was served well"),
    QUALITY: ("share, 0 to 1", "how good the answer was, by whoever judges it"),
    COST: ("USD, not negative", "of this request, all attempts together"),
    LATENCY_MS: ("milliseconds, not negative", "until the answer was whole"),
    FIRST_TOKEN_MS: ("milliseconds", "until the answer began to show"),
    ERROR: ("share, 0 to 1", "the chosen arm failed"),
    FALLBACK: ("0 or 1", "the chosen arm failed and another one answered: still the chosen arm's outcome"),
    UNFOLLOWED: ("0 or 1", "nobody acted on the decision: it is counted and charged, and never learned from"),
    ANSWERED_BY: ("index, or -1", "into the decision's arms: which one answered, if not the chosen one; -1: another"),
    THUMBS: ("share, 0 to 1", "1: thumbs up, 0: thumbs down"),
    REACTION: ("share, 0 to 1", "what an emoji under the answer says: 1 pleased, 0 not"),
    REGENERATED: ("0 or 1", "another answer was asked for"),
    REPLIED: ("0 or 1", "the conversation went on"),
    DELETED: ("0 or 1", "the answer, or what it answered, was deleted"),
    CLICKED: ("0 or 1", "a suggestion was taken up"),
    VOTED: ("0 or 1", "somebody voted in the poll"),
    REQUESTED: ("0 or 1", "somebody asked for what was not done, or for more of it"),
    WANTED: ("share, 0 to 1", "what was done, or left, was what people wanted (`producers.discord.wanted`)"),
}


def was_followed(observations: Mapping[str, float]) -> bool:
    """Whether what was observed is about the arm that the decision chose: its `unfollowed` is absent or 0."""
    return not observations.get(UNFOLLOWED, 0.0) > 0.0


def answered_by(decision: Decision, observations: Mapping[str, float]) -> str | None:
    """The arm that answered where it is said that it was not the chosen one, if it is among the decision's arms."""
    index = observations.get(ANSWERED_BY, -1.0)
    return decision.arms[int(index)] if index.is_integer() and 0 <= index < len(decision.arms) else None
