"""Which buckets make up a window: days where they fit, hours and minutes at its edges."""

from typing import Final, NamedTuple

from schemas.events import Granularity
from stream_workers.analytics.bucket import KEPT_SECONDS, SECONDS

#: Minutes and hours that are about to be dropped are not asked for any more.
_MARGIN_S: Final = 1800


class Piece(NamedTuple):
    """Buckets of a granularity that begin in [since, until), seconds since 1970."""

    granularity: Granularity
    since: int
    until: int


def pieces(since: float, until: float, now: float) -> list[Piece]:
    """The buckets of the window [since, until), as few as possible; seconds since 1970, in order of time.

    An edge that is older than the minutes (48 hours) or the hours (90 days) that are kept is moved outward to the next
    hour or day: `covered` says what the window becomes.

    >>> pieces(0, 2 * 86400 + 3600 + 60, now=2 * 86400 + 3600 + 60)
    [Piece(granularity='day', since=0, until=172800), Piece(granularity='hour', since=172800, until=176400), \
Piece(granularity='minute', since=176400, until=176460)]
    """
    begin, end = covered(since, until, now)
    return _split(begin, end, ("day", "hour", "minute"))


def covered(since: float, until: float, now: float) -> tuple[int, int]:
    """The window whose buckets are there: `since` and `until` moved outward to full minutes, hours or days."""
    begin_step, end_step = _step(since, now), _step(until, now)
    return int(since // begin_step * begin_step), int(-(-until // end_step) * end_step)


def steps(since: float, until: float, now: float, by: Granularity) -> Granularity:
    """The granularity that is there for all of a window, `by` or longer."""
    order: tuple[Granularity, ...] = ("minute", "hour", "day")
    longest = max(order.index(by), *(order.index(_named(_step(each, now))) for each in (since, until)))
    return order[longest]


def _step(at: float, now: float) -> int:
    for granularity, kept in KEPT_SECONDS.items():
        if at >= now - kept + _MARGIN_S:
            return SECONDS[granularity]
    return SECONDS["day"]


def _named(step: int) -> Granularity:
    return next(name for name, seconds in SECONDS.items() if seconds == step)


def _split(begin: int, end: int, left: tuple[Granularity, ...]) -> list[Piece]:
    if begin >= end or not left:
        return []
    step = SECONDS[left[0]]
    first, last = -(-begin // step) * step, end // step * step
    if first >= last:
        return _split(begin, end, left[1:])
    return [*_split(begin, first, left[1:]), Piece(left[0], first, last), *_split(last, end, left[1:])]
