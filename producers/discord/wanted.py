"""What people's reactions say about whether a post was to be summarised, or a follow-up offered.

An answer is rated; a summary that nobody asked for mostly is not, and one that was not posted never is.  So each arm
has signals of its own, and what each says about the choice is written down here as one observation, `wanted`, from 0
(the choice was wrong) to 1 (it was right).  The raw signals are sent beside it: a domain's specification may weigh
them itself.

Silence is worth a little less where something was posted: it takes room in a channel, and nobody made use of it.
"""

from collections.abc import Mapping
from typing import Final

from schemas.observations import CLICKED, DELETED, REACTION, REPLIED, REQUESTED, THUMBS, VOTED, WANTED

from .ports import CONTENT_ANALYSIS, USER_ENGAGEMENT

#: Not an observation: nothing was observed for a while.
SILENCE: Final = "silence"
#: The signal's own value counts (1: pleased, 0: not).
_ITSELF: Final = -1.0

_POSTED: Final[Mapping[str, float]] = {
    THUMBS: _ITSELF,
    REACTION: _ITSELF,
    REPLIED: 1.0,
    CLICKED: 1.0,
    VOTED: 1.0,
    DELETED: 0.0,
    SILENCE: 0.4,
}

#: By domain and arm: what each signal says.
WORTH: Final[Mapping[str, Mapping[str, Mapping[str, float]]]] = {
    CONTENT_ANALYSIS: {
        "skip": {REQUESTED: 0.0, SILENCE: 0.5},
        "quick": {**_POSTED, REQUESTED: 0.25},  # more than it said was wanted
        "full": _POSTED,
    },
    USER_ENGAGEMENT: {
        "nothing": {REPLIED: 0.8, SILENCE: 0.5},  # the conversation went on without being pushed
        "questions": _POSTED,
        "poll": _POSTED,
        "thread_summary": _POSTED,
    },
}

#: What is observed when nothing was: by domain and arm.
_ABSENT: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    CONTENT_ANALYSIS: {"skip": (REQUESTED,)},
    USER_ENGAGEMENT: {"questions": (CLICKED,), "poll": (VOTED,)},
}


def observations(domain: str, arm: str, signal: str, value: float = 1.0) -> dict[str, float]:
    """What to send about a signal.  value: from 0 to 1; of `SILENCE` it does not count.

    >>> observations("content_analysis", "skip", "requested")
    {'requested': 1.0, 'wanted': 0.0}
    >>> observations("content_analysis", "full", "thumbs", 0.0)
    {'thumbs': 0.0, 'wanted': 0.0}
    """
    if signal == SILENCE:
        told = dict.fromkeys(_ABSENT.get(domain, {}).get(arm, ()), 0.0)
    else:
        told = {signal: value}
    worth = WORTH.get(domain, {}).get(arm, {}).get(signal)
    if worth is not None and (worth == _ITSELF or signal == SILENCE or value > 0.0):
        told[WANTED] = value if worth == _ITSELF else worth
    return told
