"""How often an answer that streams in is shown anew: as often as a reader profits, and Discord lets everybody."""

from typing import Final

from discord.http import HTTPClient, Route
from msgspec import Struct

#: Seconds between two edits of an answer: more often, nobody reads.
LEAST: Final = 1.2
#: Seconds for which a limit is given to reset beyond what Discord said: clocks differ.
_MARGIN: Final = 0.05


class Bucket(Struct, frozen=True):
    """What Discord last said of a rate limit."""

    remaining: int  # requests until it resets
    reset_after: float  # seconds until then


def pause(bucket: Bucket | None, sharing: int) -> float:
    """Seconds to wait before the next edit.

    sharing: answers that stream in under this limit.  Each keeps one request for its end, which is never to wait;
    what remains beside these is spread over the time until the limit resets.  bucket: None: Discord said nothing yet.
    """
    fair = LEAST * sharing
    if bucket is None or bucket.reset_after <= 0:
        return min(fair, 5 * LEAST)
    spare = bucket.remaining - sharing
    if spare < sharing:
        return max(LEAST, bucket.reset_after + _MARGIN)
    return max(LEAST, (bucket.reset_after + _MARGIN) * sharing / spare)


def bucket_of(http: HTTPClient, route: Route, now: float) -> Bucket | None:
    """What discord.py knows of the limit of a route.  now: of the event loop's clock, in seconds."""
    known = http._bucket_hashes.get(route.key)
    limit = http._buckets.get(f"{known or route.key}:{route.major_parameters}")
    if limit is None or limit.expires is None:
        return None
    if limit.expires <= now:  # it has reset since
        return Bucket(limit.limit - limit.outgoing, 0.0)
    return Bucket(limit.remaining - limit.outgoing, limit.expires - now)
