"""Which decisions are looked at together: all that were made in a stretch of time, once the last of them has ended.

Outcomes come in the order in which they end, and what ends soon is not like what ends late: at the begin of a stream
all outcomes are those with quick feedback, and after its end only those without any.  A sum over the decisions of a
stretch does not know in which order they ended.  A stretch is at least a horizon long and has at least `judging.LEAST`
outcomes (whether it has is seen from what ended in it, so it ends at a stopping time); a horizon later it is judged,
and the next begins.  What is decided in between is not looked at: at most half of the decisions, where there are many.

That all outcomes of a stretch are there is not told by their times alone.  The joiner reads decisions in their order,
but may have read one topic further than the other, by hours of the log where it catches up; and it ends by horizon what
is due after each piece of `joining.processor.AT_ONCE` records, in order of time.  So they are there

- when a later decision has ended with its horizon: then all that were due before it have, too; or
- where hardly any does (none in QUIET outcomes, more than a piece can have), when a later decision has ended a horizon
  after the stretch: should one be missing then, they are too few to show.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..bandits.kernel import kernel
from . import layout as at
from .judging import LEAST

Array = NDArray[np.float64]

#: Outcomes without one that ended with its horizon, after which none is waited for; more than `AT_ONCE` of the joiner.
QUIET: Final = 1_024
#: Added to a horizon, ms, and a part of it: that much later every outcome is in the log.
_SLACK_MS = 1_000.0
_SLACK = 0.125


def wait_for(horizon_ms: int) -> float:
    """Milliseconds after a decision by which its outcome is known."""
    return horizon_ms * (1.0 + _SLACK) + _SLACK_MS


@kernel()
def move(head: Array, wait: float, decided: float, ended: float, lapsed: bool) -> bool:
    """An outcome came (lapsed: with its horizon); is the stretch over?  Then it is to be judged, and `begin` called."""
    now = max(head[at.NOW], ended)
    head[at.NOW], head[at.DECIDED] = now, max(head[at.DECIDED], decided)
    if lapsed:
        head[at.LAPSED], head[at.QUIET] = max(head[at.LAPSED], decided), 0.0
    else:
        head[at.QUIET] += 1.0
    until = head[at.UNTIL]
    if head[at.BEGIN] == 0.0:  # decisions from before the specification, or the log, began are not in any
        head[at.BEGIN] = now + wait + 1.0
    elif until == 0.0:
        if head[at.TAKEN] >= LEAST and now - head[at.BEGIN] >= wait:
            head[at.UNTIL] = now
    else:
        quiet = head[at.QUIET] >= QUIET and head[at.DECIDED] > until and now > until + wait
        return bool(quiet or head[at.LAPSED] > until)
    return False


@kernel()
def begin(head: Array) -> None:
    """The next stretch is that of the decisions after now."""
    head[at.BEGIN], head[at.UNTIL] = head[at.NOW] + 1.0, 0.0


@kernel()
def within(head: Array, decided: float) -> bool:
    """Whether a decision is in the stretch."""
    return bool(head[at.BEGIN] <= decided and (head[at.UNTIL] == 0.0 or decided <= head[at.UNTIL]))
