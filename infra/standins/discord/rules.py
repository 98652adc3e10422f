"""What the local Discord holds its clients to, as data: limits, intervals and deadlines."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple


class Bucket(NamedTuple):
    """`limit` requests in `seconds`, counted from the first."""

    limit: int
    seconds: float


BUCKETS: Mapping[str, Bucket] = MappingProxyType(
    {
        "messages.create": Bucket(5, 5.0),
        "messages.edit": Bucket(5, 5.0),
        "messages.delete": Bucket(5, 1.0),
        "messages.read": Bucket(5, 1.0),
        "reactions": Bucket(1, 0.25),
        "typing": Bucket(5, 5.0),
        "threads": Bucket(10, 60.0),
        "webhooks": Bucket(5, 2.0),
        "commands": Bucket(5, 20.0),
        "directs": Bucket(10, 10.0),
        "channels": Bucket(10, 10.0),
        "guilds": Bucket(10, 10.0),
        "": Bucket(50, 1.0),
    }
)
"""Rate limits by the name of their bucket; "" is every other route's.

Discord does not publish these ("Rate Limits": they should not be hard coded, clients must read the headers): the
figures are those that its headers show bots, and a test may give others.
"""


@dataclass(frozen=True)
class Rules:
    """Limits and times; the defaults are those of the documentation.  Times in seconds."""

    buckets: Mapping[str, Bucket] = field(default_factory=lambda: BUCKETS)
    global_per_second: int = 50
    """Requests of a bot in any one second ("Rate Limits", Global Rate Limit); Discord raises it for large bots."""
    invalid_requests: int = 10_000
    """Answers 401, 403 and 429 before Cloudflare shuts the address out ("Rate Limits", Invalid Request Limit)."""
    invalid_window: float = 600.0

    shards: int = 1
    """How many shards GET /gateway/bot recommends."""
    guilds_per_shard: int = 2_500
    """More in one shard are refused with close code 4011 ("Gateway", Sharding)."""
    session_starts: int = 1_000
    """Identifies in 24 hours ("Gateway", Session Start Limit)."""
    max_concurrency: int = 1
    """Shards that may identify in the same `identify_window` ("Gateway", Rate Limiting)."""
    identify_window: float = 5.0
    heartbeat: float = 41.25
    """Seconds between heartbeats, sent in Hello."""
    sends_per_minute: int = 120
    """Gateway events that a client may send in 60 s ("Gateway", Rate Limiting)."""
    resume_within: float = 120.0
    """How long a session without a connection can be resumed.  Discord does not publish it."""
    replay: int = 50_000
    """Events a session keeps for a resume; those that a heartbeat told of are dropped."""

    answer_within: float = 3.0
    """Until the first response to an interaction ("Receiving and Responding", Followup Messages)."""
    token_life: float = 900.0
    """How long an interaction's token can be used after that."""
    attachment_bytes: int = 10 * 1024 * 1024
    keep_messages: int = 10_000
    """Messages a channel remembers; older ones are gone."""
    keep_requests: int = 100_000
    """Requests the record remembers."""
