"""A session: what a shard has been told, so that it can go on after its connection broke ("Gateway", Resuming)."""

import secrets
import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .connection import Connection


class Session:
    """sequence: of the last event.  frames: (sequence, payload) of those the client may have missed.

    connection: None while there is none; then since `lost` (monotonic seconds).
    """

    def __init__(self, shard: int, shards: int, intents: int, keep: int) -> None:
        self.id = secrets.token_hex(16)
        self.shard, self.shards, self.intents = shard, shards, intents
        self.sequence = 0
        self.frames: deque[tuple[int, bytes]] = deque(maxlen=keep)
        self.connection: Connection | None = None
        self.lost = time.monotonic()

    def has(self, guild: int | None) -> bool:
        """Whether events of this guild are this shard's; direct messages are shard 0's ("Gateway", Sharding)."""
        return (0 if guild is None else (guild >> 22) % self.shards) == self.shard

    def dispatch(self, event: str, data: bytes) -> None:
        """The next event: kept, and sent if there is a connection."""
        self.sequence += 1
        frame = b'{"t":"%b","s":%d,"op":0,"d":%b}' % (event.encode(), self.sequence, data)
        self.frames.append((self.sequence, frame))
        if self.connection is not None:
            self.connection.send(frame)

    def received(self, sequence: int | None) -> None:
        """The client has got everything up to `sequence` (it says so in heartbeats)."""
        if sequence is not None:
            while self.frames and self.frames[0][0] <= sequence:
                self.frames.popleft()

    def missed(self, sequence: int) -> list[bytes] | None:
        """The payloads after `sequence`; None when they aren't all here any more."""
        oldest = self.frames[0][0] if self.frames else self.sequence + 1
        if sequence + 1 < oldest:
            return None
        return [frame for number, frame in self.frames if number > sequence]
